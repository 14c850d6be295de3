#include "base/sha256.h"

#include <string.h>

enum { SHA256_BLOCK = 64, SHA256_ROUNDS = 64, SHA256_WORDS = 8, SHA256_LENGTH_AT = 56 };

static const uint32_t sha256_constants[SHA256_ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t sha256_turn(uint32_t word, unsigned bits) {
  return word >> bits | word << (32 - bits);
}

static void sha256_schedule(const uint8_t *block, uint32_t w[static SHA256_ROUNDS]) {
  for (unsigned i = 0; i < 16; i++) {
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           block[4 * i + 3];
  }
  for (unsigned i = 16; i < SHA256_ROUNDS; i++) {
    uint32_t low = sha256_turn(w[i - 15], 7) ^ sha256_turn(w[i - 15], 18) ^ w[i - 15] >> 3;
    uint32_t high = sha256_turn(w[i - 2], 17) ^ sha256_turn(w[i - 2], 19) ^ w[i - 2] >> 10;
    w[i] = w[i - 16] + low + w[i - 7] + high;
  }
}

static void sha256_add_block(uint32_t state[static SHA256_WORDS], const uint8_t *block) {
  uint32_t w[SHA256_ROUNDS];
  uint32_t v[SHA256_WORDS];
  sha256_schedule(block, w);
  memcpy(v, state, sizeof v);
  for (unsigned i = 0; i < SHA256_ROUNDS; i++) {
    uint32_t high = sha256_turn(v[4], 6) ^ sha256_turn(v[4], 11) ^ sha256_turn(v[4], 25);
    uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
    uint32_t first = v[7] + high + choice + sha256_constants[i] + w[i];
    uint32_t low = sha256_turn(v[0], 2) ^ sha256_turn(v[0], 13) ^ sha256_turn(v[0], 22);
    uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    memmove(v + 1, v, sizeof v - sizeof v[0]);
    v[4] += first;
    v[0] = first + low + majority;
  }
  for (unsigned i = 0; i < SHA256_WORDS; i++) {
    state[i] += v[i];
  }
}

void bc_sha256(struct bc_str text, uint8_t digest[static BC_SHA256_BYTES]) {
  uint32_t state[SHA256_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  uint8_t last[2 * SHA256_BLOCK] = {0};
  size_t whole = text.len / SHA256_BLOCK;
  size_t rest = text.len % SHA256_BLOCK;
  for (size_t i = 0; i < whole; i++) {
    sha256_add_block(state, (const uint8_t *)text.at + i * SHA256_BLOCK);
  }
  if (rest > 0) {
    memcpy(last, text.at + whole * SHA256_BLOCK, rest);
  }
  last[rest] = 0x80;
  size_t blocks = rest < SHA256_LENGTH_AT ? 1 : 2;
  uint64_t bits = (uint64_t)text.len * 8;
  for (unsigned i = 0; i < 8; i++) {
    last[blocks * SHA256_BLOCK - 1 - i] = (uint8_t)(bits >> (8 * i));
  }
  for (size_t i = 0; i < blocks; i++) {
    sha256_add_block(state, last + i * SHA256_BLOCK);
  }
  for (unsigned i = 0; i < BC_SHA256_BYTES; i++) {
    digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
  }
}

void bc_sha256_print(const uint8_t digest[static BC_SHA256_BYTES], char hex[static BC_SHA256_HEX_BYTES]) {
  static const char digits[] = "0123456789abcdef";
  for (unsigned i = 0; i < BC_SHA256_BYTES; i++) {
    hex[2 * i] = digits[digest[i] >> 4];
    hex[2 * i + 1] = digits[digest[i] & 15];
  }
  hex[2 * BC_SHA256_BYTES] = '\0';
}
