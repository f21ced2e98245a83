/* Cuts the power of a mounted file system: what is not on the disk stays away, its journal too. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)
#define NO_LOG_FLUSH 2u

int main(int count, char **arguments) {
  uint32_t how = NO_LOG_FLUSH;
  int folder = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY) : -1;
  if (folder < 0 || ioctl(folder, SHUTDOWN, &how)) {
    perror("cut");
    return 1;
  }
  close(folder);
  return 0;
}
