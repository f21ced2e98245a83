/* Stands between the gateway and the C library, for the tests of a disk that fails: syncs that are
 * slow or fail, writes that fail, a disk that is full. A file of numbers, mapped by both sides, says
 * what; only files below the folder HECHA_SHIM_FOLDER are concerned. Built by tests/faults/shim.rs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct numbers {
  uint32_t sync_delay_ms;   /* each sync waits so long */
  uint32_t syncs_pass;      /* syncs that still succeed before */
  uint32_t syncs_fail;      /* so many fail */
  uint32_t sync_errno;
  uint32_t writes_pass;     /* the same of writes */
  uint32_t writes_fail;
  uint32_t write_errno;
  uint32_t is_full;         /* a write that makes a file longer fails with ENOSPC */
  uint32_t failures;        /* out: calls that were made to fail */
  uint32_t syncs;           /* out: syncs seen */
};

static struct numbers *numbers;
static char folder[4096];

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("HECHA_SHIM_FILE"), *below = getenv("HECHA_SHIM_FOLDER");
  if (!file || !below || strlen(below) >= sizeof folder)
    return;
  strcpy(folder, below);
  int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    return;
  void *at = mmap(NULL, sizeof *numbers, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  numbers = at == MAP_FAILED ? NULL : at;
}

/* 0: not below the folder; 1: below it; 2: of the tree, whose files are worked out anew: what fails
 * there ends nothing. */
static int concerns(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0)
    return 0;
  path[length] = 0;
  if (strncmp(path, folder, strlen(folder)) != 0)
    return 0;
  return strstr(path + strlen(folder), "/tree") ? 2 : 1;
}

/* Whether this call is one of those that fail. */
static int fails(uint32_t *pass, uint32_t *fail) {
  if (!__atomic_load_n(fail, __ATOMIC_SEQ_CST))
    return 0;
  uint32_t left = __atomic_load_n(pass, __ATOMIC_SEQ_CST);
  if (left) {
    __atomic_store_n(pass, left - 1, __ATOMIC_SEQ_CST);
    return 0;
  }
  __atomic_sub_fetch(fail, 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&numbers->failures, 1, __ATOMIC_SEQ_CST);
  return 1;
}

static int sync_by(const char *name, int fd) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  int concern = numbers ? concerns(fd) : 0;
  if (concern) {
    __atomic_add_fetch(&numbers->syncs, 1, __ATOMIC_SEQ_CST);
    uint32_t delay = __atomic_load_n(&numbers->sync_delay_ms, __ATOMIC_SEQ_CST);
    if (delay)
      usleep(delay * 1000u);
    if (concern == 1 && fails(&numbers->syncs_pass, &numbers->syncs_fail)) {
      errno = (int)numbers->sync_errno;
      return -1;
    }
  }
  return real(fd);
}

int fdatasync(int fd) { return sync_by("fdatasync", fd); }
int fsync(int fd) { return sync_by("fsync", fd); }

/* 0 or the error of a write. */
static int write_fault(int fd, off_t end) {
  if (!numbers || (!numbers->is_full && !numbers->writes_fail))
    return 0;
  int concern = concerns(fd);
  if (!concern)
    return 0;
  struct stat about;
  if (numbers->is_full && !fstat(fd, &about) && S_ISREG(about.st_mode) && end > about.st_size) {
    __atomic_add_fetch(&numbers->failures, 1, __ATOMIC_SEQ_CST);
    return ENOSPC;
  }
  return concern == 1 && fails(&numbers->writes_pass, &numbers->writes_fail)
             ? (int)numbers->write_errno
             : 0;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (!real)
    real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  int fault = write_fault(fd, (off_t)(offset + (off64_t)count));
  if (fault) {
    errno = fault;
    return -1;
  }
  return real(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  return pwrite64(fd, bytes, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  static ssize_t (*real)(int, const void *, size_t);
  if (!real)
    real = (ssize_t(*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
  off_t at = numbers && numbers->is_full ? lseek(fd, 0, SEEK_CUR) : 0;
  int fault = at < 0 ? 0 : write_fault(fd, at + (off_t)count);
  if (fault) {
    errno = fault;
    return -1;
  }
  return real(fd, bytes, count);
}
