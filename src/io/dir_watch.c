#include "io/dir_watch.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/tree.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  WATCH_LINKS_MOST = 40,
  WATCH_INTERESTS_MOST = 256,
  WATCH_READS_MOST = 256,
  /* Names that come and go are all that matters on the way: /tmp may lie there. */
  WATCH_WAY_MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_MASK_ADD,
  WATCH_MASK = WATCH_WAY_MASK | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB
};

struct watch_place {
  RB_ENTRY(watch_place) link;
  int number;
  uint64_t generation; /* of the last scan that asked for it */
  bool is_all;         /* whatever happens in it matters */
};
RB_HEAD(watch_tree, watch_place);

struct watch_interests {
  struct bc_dir_interest all[WATCH_INTERESTS_MOST];
  size_t count;
};

struct bc_dir_watch {
  int fd;
  int open_error;
  size_t most;
  /* The scanning thread's. */
  struct watch_tree places;
  size_t count;
  uint64_t generation;
  struct watch_interests found;
  int error; /* of the first watch that could not be placed in this scan; 0 = none */
  /* The loop's. */
  struct watch_interests settled;
};

static int watch_compare(const struct watch_place *a, const struct watch_place *b) {
  return (a->number > b->number) - (a->number < b->number);
}

BC_TREE(watch_tree, watch_place, link, watch_compare)

static void watch_interests_clear(struct watch_interests *interests) {
  for (size_t i = 0; i < interests->count; i++) {
    free(interests->all[i].name);
  }
  interests->count = 0;
}

struct bc_dir_watch *bc_dir_watch_new(size_t watches_most) {
  struct bc_dir_watch *watch = bc_mem_new(1, sizeof *watch);
  watch->most = watches_most;
  watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  watch->open_error = watch->fd < 0 ? errno : 0;
  return watch;
}

void bc_dir_watch_free(struct bc_dir_watch *watch) {
  if (watch == NULL) {
    return;
  }
  struct watch_place *place;
  while ((place = RB_MIN(watch_tree, &watch->places)) != NULL) {
    RB_REMOVE(watch_tree, &watch->places, place);
    free(place);
  }
  watch_interests_clear(&watch->found);
  watch_interests_clear(&watch->settled);
  if (watch->fd >= 0) {
    (void)close(watch->fd);
  }
  free(watch);
}

int bc_dir_watch_fd(const struct bc_dir_watch *watch) {
  return watch->fd;
}

void bc_dir_watch_begin(struct bc_dir_watch *watch) {
  watch->generation++;
  watch->error = watch->open_error;
  watch_interests_clear(&watch->found);
}

void bc_dir_watch_end(struct bc_dir_watch *watch, bool is_complete) {
  struct watch_place *place;
  struct watch_place *next;
  if (!is_complete) {
    return;
  }
  RB_FOREACH_SAFE(place, watch_tree, &watch->places, next) {
    if (place->generation != watch->generation) {
      (void)inotify_rm_watch(watch->fd, place->number);
      RB_REMOVE(watch_tree, &watch->places, place);
      watch->count--;
      free(place);
    }
  }
}

static struct watch_place *watch_find(struct bc_dir_watch *watch, int number) {
  struct watch_place wanted = {.number = number};
  return RB_FIND(watch_tree, &watch->places, &wanted);
}

static struct watch_place *watch_place_for(struct bc_dir_watch *watch, int number) {
  struct watch_place *place = watch_find(watch, number);
  if (place == NULL) {
    place = bc_mem_new(1, sizeof *place);
    place->number = number;
    (void)RB_INSERT(watch_tree, &watch->places, place);
    watch->count++;
  }
  if (place->generation != watch->generation) {
    place->generation = watch->generation;
    place->is_all = false;
  }
  return place;
}

static void watch_note_interest(struct bc_dir_watch *watch, struct watch_place *place, const char *name) {
  struct watch_interests *found = &watch->found;
  if (name == NULL || found->count == WATCH_INTERESTS_MOST) {
    place->is_all = true;
    return;
  }
  for (size_t i = 0; i < found->count; i++) {
    if (found->all[i].watch == place->number && strcmp(found->all[i].name, name) == 0) {
      return;
    }
  }
  found->all[found->count++] = (struct bc_dir_interest){.watch = place->number, .name = bc_mem_copy_string(name)};
}

static void watch_add(struct bc_dir_watch *watch, const char *path, const char *name, uint32_t mask) {
  /* Once there was no room for one, the rest would only cost time. */
  if (watch->fd < 0 || watch->error == ENOSPC) {
    return;
  }
  int number = inotify_add_watch(watch->fd, path, mask);
  if (number < 0) {
    /* What went in between is no lack: the scan sees it too. */
    watch->error = watch->error == 0 && errno != ENOENT && errno != ENOTDIR ? errno : watch->error;
    return;
  }
  if (watch->most > 0 && watch->count >= watch->most && watch_find(watch, number) == NULL) {
    (void)inotify_rm_watch(watch->fd, number);
    watch->error = ENOSPC;
    return;
  }
  watch_note_interest(watch, watch_place_for(watch, number), name);
}

void bc_dir_watch_add(struct bc_dir_watch *watch, const char *path, const char *name) {
  watch_add(watch, path, name, WATCH_MASK);
}

/* ---- the way to a path ---- */

struct watch_way {
  char at[PATH_MAX];   /* where we are: no links in it; "" is the root */
  char rest[PATH_MAX]; /* what is still to go */
  unsigned links;
};

/* Takes the first part off `rest`. */
static bool watch_way_next(struct watch_way *way, char part[NAME_MAX + 1]) {
  const char *begin = way->rest + strspn(way->rest, "/");
  size_t len = strcspn(begin, "/");
  if (len == 0 || len > NAME_MAX) {
    return false;
  }
  memcpy(part, begin, len);
  part[len] = '\0';
  memmove(way->rest, begin + len, strlen(begin + len) + 1);
  return true;
}

static bool watch_way_turn(struct watch_way *way, const char *link) {
  char target[PATH_MAX];
  char rest[PATH_MAX];
  ssize_t len = readlink(link, target, sizeof target - 1);
  if (len <= 0 || ++way->links > WATCH_LINKS_MOST) {
    return false;
  }
  target[len] = '\0';
  int written = snprintf(rest, sizeof rest, "%s/%s", target, way->rest);
  if (written < 0 || (size_t)written >= sizeof rest) {
    return false;
  }
  memcpy(way->rest, rest, (size_t)written + 1);
  if (target[0] == '/') {
    way->at[0] = '\0';
  }
  return true;
}

/* False at the end: of the path, or of what is there. */
static bool watch_way_step(struct bc_dir_watch *watch, struct watch_way *way) {
  char part[NAME_MAX + 1];
  char next[PATH_MAX];
  struct stat status;
  if (!watch_way_next(way, part)) {
    return false;
  }
  if (strcmp(part, ".") == 0) {
    return true;
  }
  if (strcmp(part, "..") == 0) {
    char *last = strrchr(way->at, '/');
    if (last != NULL) {
      *last = '\0';
    }
    return true;
  }
  int written = snprintf(next, sizeof next, "%s/%s", way->at, part);
  if (written < 0 || (size_t)written >= sizeof next) {
    return false;
  }
  const char *here = way->at[0] == '\0' ? "/" : way->at;
  if (lstat(next, &status) != 0) {
    watch_add(watch, here, part, WATCH_WAY_MASK);
    return false;
  }
  if (S_ISLNK(status.st_mode)) {
    watch_add(watch, here, part, WATCH_WAY_MASK);
    return watch_way_turn(way, next);
  }
  memcpy(way->at, next, (size_t)written + 1);
  return true;
}

void bc_dir_watch_add_way(struct bc_dir_watch *watch, const char *path) {
  struct watch_way *way = bc_mem_new(1, sizeof *way);
  size_t len = strlen(path);
  if (len < sizeof way->rest) {
    memcpy(way->rest, path, len + 1);
    while (watch_way_step(watch, way)) {
    }
  }
  free(way);
}

/* ---- the loop's side ---- */

const char *bc_dir_watch_problem(const struct bc_dir_watch *watch) {
  switch (watch->error) {
  case 0:
    return NULL;
  case ENOSPC:
    return "too few inotify watches: raise the sysctl fs.inotify.max_user_watches";
  case EMFILE:
    return "too few inotify instances: raise the sysctl fs.inotify.max_user_instances";
  default:
    return strerror(watch->error);
  }
}

void bc_dir_watch_settle(struct bc_dir_watch *watch) {
  watch_interests_clear(&watch->settled);
  for (size_t i = 0; i < watch->found.count; i++) {
    struct bc_dir_interest *interest = &watch->found.all[i];
    const struct watch_place *place = watch_find(watch, interest->watch);
    if (place != NULL && !place->is_all) {
      watch->settled.all[watch->settled.count++] = *interest;
      interest->name = NULL;
    }
  }
  watch_interests_clear(&watch->found);
}

static bool watch_event_matters(const struct bc_dir_watch *watch, const struct inotify_event *event) {
  if ((event->mask & IN_IGNORED) != 0) {
    return false;
  }
  bool is_filtered = false;
  for (size_t i = 0; i < watch->settled.count; i++) {
    const struct bc_dir_interest *interest = &watch->settled.all[i];
    if (interest->watch == event->wd) {
      is_filtered = true;
      if (event->len == 0 || strcmp(event->name, interest->name) == 0) {
        return true;
      }
    }
  }
  return !is_filtered;
}

bool bc_dir_watch_read(struct bc_dir_watch *watch) {
  bool matters = false;
  char events[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
  ssize_t got = 0;
  for (unsigned i = 0; i < WATCH_READS_MOST && watch->fd >= 0; i++) {
    got = read(watch->fd, events, sizeof events);
    if (got <= 0) {
      break;
    }
    for (ssize_t at = 0; at < got;) {
      const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
      matters = watch_event_matters(watch, event) || matters;
      at += (ssize_t)(sizeof *event + event->len);
    }
  }
  return matters;
}
