#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char buf_nothing[1] = "";

void bc_buf_init(struct bc_buf *buf, size_t max_bytes) {
  *buf = (struct bc_buf){.data = buf_nothing, .max = max_bytes};
}

void bc_buf_free(struct bc_buf *buf) {
  if (buf == NULL) {
    return;
  }
  if (buf->cap > 0) {
    free(buf->data);
  }
  bc_buf_init(buf, buf->max);
}

void bc_buf_clear(struct bc_buf *buf) {
  buf->len = 0;
  buf->failed = false;
  if (buf->cap > 0) {
    buf->data[0] = '\0';
  }
}

char *bc_buf_reserve(struct bc_buf *buf, size_t len) {
  if (len > buf->max || buf->len > buf->max - len) {
    buf->failed = true;
    return NULL;
  }
  size_t need = buf->len + len + 1;
  if (need > buf->cap) {
    size_t cap = buf->cap == 0 ? 64 : buf->cap;
    while (cap < need) {
      cap = cap > buf->max / 2 ? buf->max + 1 : cap * 2;
    }
    buf->data = bc_mem_resize(buf->cap == 0 ? NULL : buf->data, cap, 1);
    buf->cap = cap;
    buf->data[buf->len] = '\0';
  }
  return buf->data + buf->len;
}

void bc_buf_commit(struct bc_buf *buf, size_t len) {
  if (len == 0) {
    return;
  }
  buf->len += len;
  buf->data[buf->len] = '\0';
}

void bc_buf_add(struct bc_buf *buf, const void *bytes, size_t len) {
  if (len == 0) {
    return;
  }
  char *room = bc_buf_reserve(buf, len);
  if (room != NULL) {
    memcpy(room, bytes, len);
    bc_buf_commit(buf, len);
  }
}

void bc_buf_add_str(struct bc_buf *buf, struct bc_str text) {
  bc_buf_add(buf, text.at, text.len);
}

void bc_buf_add_text(struct bc_buf *buf, const char *text) {
  bc_buf_add(buf, text, strlen(text));
}

void bc_buf_add_char(struct bc_buf *buf, char c) {
  bc_buf_add(buf, &c, 1);
}

void bc_buf_add_format(struct bc_buf *buf, const char *format, ...) {
  char small[256];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(small, sizeof small, format, args);
  va_end(args);
  if (len < 0) {
    buf->failed = true;
    return;
  }
  if ((size_t)len < sizeof small) {
    bc_buf_add(buf, small, (size_t)len);
    return;
  }
  char *room = bc_buf_reserve(buf, (size_t)len); /* and one more for the NUL */
  if (room == NULL) {
    return;
  }
  va_start(args, format);
  (void)vsnprintf(room, (size_t)len + 1, format, args);
  va_end(args);
  bc_buf_commit(buf, (size_t)len);
}

void bc_buf_consume(struct bc_buf *buf, size_t len) {
  if (len >= buf->len) {
    buf->len = 0;
    if (buf->cap > 0) {
      buf->data[0] = '\0';
    }
    return;
  }
  if (len > 0) {
    memmove(buf->data, buf->data + len, buf->len - len + 1);
    buf->len -= len;
  }
}

enum bc_err bc_buf_status(const struct bc_buf *buf) {
  return buf->failed ? BC_ERR_LIMIT : BC_ERR_OK;
}

struct bc_str bc_buf_str(const struct bc_buf *buf) {
  return (struct bc_str){.at = buf->data, .len = buf->len};
}

char *bc_buf_take(struct bc_buf *buf) {
  char *taken = buf->cap == 0 ? bc_mem_copy_text("", 0) : buf->data;
  bc_buf_init(buf, buf->max);
  return taken;
}
