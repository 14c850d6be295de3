#include "core/page.h"

#include <string.h>
#include <strings.h>

const struct core_page_part *core_page_find(const char *name) {
  const struct core_page_part *part = core_page_parts;
  while (part->name != NULL && strcmp(part->name, name) != 0) {
    part++;
  }
  return part->name == NULL ? NULL : part;
}

/* Whether a weight, "q=0.5", is zero; anything that is not one counts as not zero. */
static bool page_is_nothing(struct bc_str weight) {
  weight = bc_str_trim(weight);
  if (weight.len < 3 || strncasecmp(weight.at, "q=", 2) != 0) {
    return false;
  }
  for (size_t i = 2; i < weight.len; i++) {
    if (weight.at[i] != '0' && weight.at[i] != '.') {
      return false;
    }
  }
  return true;
}

bool core_page_takes_gzip(const char *accept) {
  struct bc_str rest = {accept, accept == NULL ? 0 : strlen(accept)};
  bool takes = false;
  struct bc_str one;
  while (bc_str_next_field(&rest, ',', &one)) {
    struct bc_str coding;
    struct bc_str weight = {NULL, 0};
    if (bc_str_next_field(&one, ';', &coding)) {
      weight = one;
    }
    coding = bc_str_trim(coding);
    if (coding.len == strlen("gzip") && strncasecmp(coding.at, "gzip", coding.len) == 0) {
      takes = !page_is_nothing(weight);
    }
  }
  return takes;
}

bool core_page_has_tag(const char *if_none_match, const char *tag) {
  struct bc_str rest = {if_none_match, if_none_match == NULL ? 0 : strlen(if_none_match)};
  bool has = false;
  struct bc_str one;
  while (!has && bc_str_next_field(&rest, ',', &one)) {
    one = bc_str_trim(one);
    if (bc_str_starts(one, "W/")) {
      one = (struct bc_str){one.at + 2, one.len - 2};
    }
    has = bc_str_is(one, tag) || bc_str_is(one, "*");
  }
  return has;
}
