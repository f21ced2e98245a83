{
  "format": 1,
  "statement": {
    "environment": "test",
    "version": 7,
    "created": "2026-11-26T21:33:20.123456+08:00",
    "expires": "2026-11-27T21:33:20+08:00",
    "blake3": "abababababababababababababababababababababababababababababababab",
    "bytes": 4096
  },
  "signatures": [
    {
      "role": "builder",
      "key": "04ac9531afadf5b8",
      "signature": "849a7305cf2c16907ef6641989660b78a8727ed4c647e946af24597124629f70bf4f4f6ecb7b563f3a862ea35eeffd5241884e4188fd92e08c694c8624c46609"
    },
    {
      "role": "activator",
      "key": "a56d65f019eb0a67",
      "signature": "743a1376390c76a52c8f7c31e96f414b837bf3acf14380f8ee17372ab1889ff773712d64e0010b5189a020a1119a2a077bc647de59dfa91f44caefce9fd22607"
    }
  ]
}
