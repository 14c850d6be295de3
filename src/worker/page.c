#include "worker/page.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct bc_lua_page *bc_page_open(struct bc_fault *fault) {
  void *page = mmap(NULL, BC_LUA_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, BC_LUA_PAGE_FD, 0);
  if (page == MAP_FAILED || fcntl(BC_PAGE_CHANNEL_FD, F_SETFD, FD_CLOEXEC) != 0) {
    bc_fault_set(fault, 0, "no page on descriptor %d, or no channel on %d: %s", BC_LUA_PAGE_FD, BC_PAGE_CHANNEL_FD,
                 strerror(errno));
    return NULL;
  }
  (void)close(BC_LUA_PAGE_FD);
  return page;
}

void bc_page_close(struct bc_lua_page *page) {
  if (page != NULL) {
    (void)munmap(page, BC_LUA_PAGE_BYTES);
  }
}

static uint64_t page_cpu_us(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

void bc_page_enter(struct bc_lua_page *page, uint32_t id, uint32_t generation) {
  atomic_store_explicit(&page->cpu_us, page_cpu_us(), memory_order_relaxed);
  atomic_store_explicit(&page->generation, generation, memory_order_relaxed);
  atomic_store_explicit(&page->job, id + 1, memory_order_release);
}

void bc_page_leave(struct bc_lua_page *page) {
  atomic_store_explicit(&page->job, 0, memory_order_release);
}
