/* This host: what the daemon and its checks need of it. */
#include "cli/client.h"
#include "cli/doctor.h"
#include "model/address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { DOCTOR_ADDRESSES_SHOWN = 5, DOCTOR_FREE_BYTES = 128 * 1024 * 1024, DOCTOR_LINE_BYTES = 4096 };

/* ---- ping ---- */

static bool host_read_line(const char *path, char line[static DOCTOR_LINE_BYTES], size_t *len) {
  FILE *file = fopen(path, "re");
  *len = file == NULL ? 0 : fread(line, 1, DOCTOR_LINE_BYTES - 1, file);
  line[*len] = '\0';
  if (file != NULL) {
    (void)fclose(file);
  }
  return *len > 0;
}

static void host_ping(struct bc_doctor *doctor) {
  char line[DOCTOR_LINE_BYTES];
  size_t len;
  unsigned long least = 0;
  unsigned long most = 0;
  bool is_read = host_read_line("/proc/sys/net/ipv4/ping_group_range", line, &len);
  if (is_read) {
    char *end;
    least = strtoul(line, &end, 10);
    most = strtoul(end, NULL, 10);
  }
  if (is_read && (getegid() < least || getegid() > most)) {
    bc_doctor_add(doctor, BC_DOCTOR_NOTE, "ping", "ping-group-range",
                  "`icmp.ping` in Lua checks fails with `permission` for users who are not in that range",
                  "sysctl -w net.ipv4.ping_group_range=\"0 2147483647\", and the same in /etc/sysctl.d",
                  "net.ipv4.ping_group_range is %lu %lu: group %u may not ping", least, most, (unsigned)getegid());
  }
}

/* ---- service addresses ---- */

static bool host_has_address(const struct ifaddrs *list, const uint8_t *bytes, bool is_ipv6) {
  for (const struct ifaddrs *one = list; one != NULL; one = one->ifa_next) {
    const struct sockaddr *address = one->ifa_addr;
    if (address == NULL || address->sa_family != (is_ipv6 ? AF_INET6 : AF_INET)) {
      continue;
    }
    const void *at = is_ipv6 ? (const void *)&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr
                             : (const void *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
    if (memcmp(at, bytes, is_ipv6 ? 16 : 4) == 0) {
      return true;
    }
  }
  return false;
}

/* "192.0.2.1/32" or "2001:db8::1/128": a host's address. */
static bool host_read_prefix(const char *prefix, uint8_t bytes[static 16], bool *is_ipv6) {
  size_t len = strcspn(prefix, "/");
  return prefix[len] == '/' && bc_address_parse((struct bc_str){prefix, len}, bytes, is_ipv6) &&
         strcmp(prefix + len, *is_ipv6 ? "/128" : "/32") == 0;
}

static void host_addresses(struct bc_doctor *doctor) {
  struct ifaddrs *list = NULL;
  size_t told = 0;
  size_t i;
  const json_t *route;
  if (getifaddrs(&list) != 0) {
    return;
  }
  json_array_foreach(json_object_get(doctor->routes, "routes"), i, route) {
    uint8_t bytes[16];
    bool is_ipv6;
    const char *prefix = bc_client_text(route, "prefix");
    bool is_ours = strcmp(bc_client_text(route, "verdict"), "announce") == 0 &&
                   strcmp(bc_client_text(route, "origin"), "api") != 0 &&
                   strstr(bc_client_text(route, "text"), "next-hop self") != NULL;
    if (is_ours && host_read_prefix(prefix, bytes, &is_ipv6) && !host_has_address(list, bytes, is_ipv6) &&
        told++ < DOCTOR_ADDRESSES_SHOWN) {
      bc_doctor_add(doctor, BC_DOCTOR_NOTE, "address", "address-missing",
                    "packets for it come to this host, which does not take them for its own, unless it forwards them",
                    "ip address add PREFIX dev lo; or `\"address\": \"manage\"` in the route's options",
                    "route %s announces %s, which is on no interface", bc_client_text(route, "name"), prefix);
    }
  }
  freeifaddrs(list);
}

/* ---- the state directory ---- */

static void host_state(struct bc_doctor *doctor) {
  const char *directory = bc_client_text(doctor->status, "stateDirectory");
  struct statvfs disk;
  if (directory[0] == '\0') {
    return;
  }
  if (statvfs(directory, &disk) != 0) {
    bc_doctor_add(doctor, BC_DOCTOR_BAD, "state", "state-directory",
                  "without it nobody knows after a restart which routes in ExaBGP are ours",
                  "make it, and let it belong to the user that ExaBGP runs as", "%s: %s", directory, strerror(errno));
    return;
  }
  unsigned long long free_bytes = (unsigned long long)disk.f_bavail * disk.f_frsize;
  if (free_bytes < DOCTOR_FREE_BYTES || (disk.f_files > 0 && disk.f_favail < 64)) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "state", "state-disk-full",
                  "announcements wait for the journal when it cannot be written",
                  "make room on that disk; `records` in the node file bounds the decision records",
                  "%s: %llu MiB and %llu files are free", directory, free_bytes / (1024 * 1024),
                  (unsigned long long)disk.f_favail);
  }
}

/* ---- the Lua library ---- */

static void host_lua(struct bc_doctor *doctor) {
  /* 5.4.0 to 5.4.3 have known ways out of a sandbox (docs/lua-sandbox.md). */
  bool is_old = strncmp(BC_LUA_RELEASE, "5.4.", 4) == 0 && BC_LUA_RELEASE[4] >= '0' && BC_LUA_RELEASE[4] <= '3' &&
                BC_LUA_RELEASE[5] == '\0';
  if (is_old) {
    bc_doctor_add(doctor, BC_DOCTOR_WARNING, "lua", "lua-release", "releases before 5.4.4 have known memory faults",
                  "build with Lua 5.4.4 or later", "built with Lua " BC_LUA_RELEASE);
  } else {
    bc_doctor_add(doctor, BC_DOCTOR_GOOD, "lua", "lua", NULL, NULL, "built with Lua " BC_LUA_RELEASE);
  }
}

void bc_doctor_host(struct bc_doctor *doctor) {
  host_lua(doctor);
  host_ping(doctor);
  host_addresses(doctor);
  host_state(doctor);
}
