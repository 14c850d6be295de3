#include "model/name.h"

#include "base/limits.h"

#include <string.h>

static bool name_has_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

bool bc_name_is_valid(struct bc_str name, bool globs) {
  if (name.len == 0 || name.len > BC_LIMIT_NAME_BYTES || memchr("._-", name.at[0], 3) != NULL) {
    return false;
  }
  for (size_t i = 0; i < name.len; i++) {
    bool is_glob = globs && (name.at[i] == '*' || name.at[i] == '?');
    if (!is_glob && !name_has_byte(name.at[i])) {
      return false;
    }
  }
  return true;
}
