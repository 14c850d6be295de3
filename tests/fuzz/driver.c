/* Runs a libFuzzer target without libFuzzer: every file of the folders, then a bounded number of
 * seeded mutations of them. The same seed gives the same inputs, so a failure can be repeated. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 65536, SEEDS_MAX = 1024 };

struct seed {
  uint8_t *data;
  size_t size;
};

static uint64_t random_state = 0x9e3779b97f4a7c15U;

static uint64_t random_next(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

/* Behind those that are there; returns how many there are then. */
static size_t seeds_load(const char *folder, struct seed *seeds, size_t count) {
  DIR *dir = opendir(folder);
  if (dir == NULL) {
    fprintf(stderr, "no folder %s\n", folder);
    exit(2);
  }
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL && count < SEEDS_MAX) {
    char path[4096];
    struct stat about;
    (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    FILE *file = stat(path, &about) != 0 || !S_ISREG(about.st_mode) ? NULL : fopen(path, "rb");
    if (file != NULL) {
      seeds[count].data = malloc(INPUT_MAX);
      seeds[count].size = seeds[count].data == NULL ? 0 : fread(seeds[count].data, 1, INPUT_MAX, file);
      count++;
      (void)fclose(file);
    }
  }
  (void)closedir(dir);
  return count;
}

static size_t mutate(const struct seed *from, const struct seed *other, uint8_t *to) {
  size_t size = from->size;
  memcpy(to, from->data, size);
  uint64_t rounds = 1 + random_next() % 6;
  for (uint64_t round = 0; round < rounds; round++) {
    size_t at = size == 0 ? 0 : random_next() % size;
    switch (random_next() % 6) {
    case 0:
      if (size > 0) {
        to[at] = (uint8_t)random_next();
      }
      break;
    case 1:
      if (size > 0) {
        to[at] ^= (uint8_t)(1U << (random_next() % 8));
      }
      break;
    case 2: /* cut the end off */
      size = at;
      break;
    case 3: /* drop a run */
      if (size > 0) {
        size_t run = 1 + random_next() % (size - at);
        memmove(to + at, to + at + run, size - at - run);
        size -= run;
      }
      break;
    case 4: /* put in a run of another seed */
      if (other->size > 0) {
        size_t start = random_next() % other->size;
        size_t run = 1 + random_next() % (other->size - start);
        if (size + run <= INPUT_MAX) {
          memmove(to + at + run, to + at, size - at);
          memcpy(to + at, other->data + start, run);
          size += run;
        }
      }
      break;
    default: /* put in a few of one byte */
      if (size + 8 <= INPUT_MAX) {
        memmove(to + at + 8, to + at, size - at);
        memset(to + at, (int)"0 9[]{}\"\\\n:,-/"[random_next() % 15], 8);
        size += 8;
      }
    }
  }
  return size;
}

int main(int argc, char **argv) {
  static struct seed seeds[SEEDS_MAX];
  static uint8_t input[INPUT_MAX];
  if (argc < 3) {
    fprintf(stderr, "usage: %s RUNS FOLDER…\n", argv[0]);
    return 2;
  }
  size_t count = 0;
  for (int i = 2; i < argc; i++) {
    count = seeds_load(argv[i], seeds, count);
  }
  if (count == 0) {
    fprintf(stderr, "the corpus is empty\n");
    return 2;
  }
  for (size_t i = 0; i < count; i++) {
    (void)LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].size);
  }
  long runs = strtol(argv[1], NULL, 10);
  for (long run = 0; run < runs; run++) {
    const struct seed *from = &seeds[random_next() % count];
    size_t size = mutate(from, &seeds[random_next() % count], input);
    /* An exact copy, so that the sanitizer sees a read past the end. */
    uint8_t *exact = malloc(size == 0 ? 1 : size);
    if (exact == NULL) {
      return 2;
    }
    memcpy(exact, input, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
  }
  printf("%zu seeds and %ld mutations: no fault\n", count, runs);
  for (size_t i = 0; i < count; i++) {
    free(seeds[i].data);
  }
  return 0;
}
