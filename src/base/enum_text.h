/* Enums whose members have a text. One list for both, of X(MEMBER, "text", what else it holds …); the members count
 * from 0, in the list's order. */
#ifndef BC_BASE_ENUM_TEXT_H
#define BC_BASE_ENUM_TEXT_H

#include <stddef.h>

/* enum bc_colour { BC_COLOUR_LIST(BC_ENUM_MEMBER) }; */
#define BC_ENUM_MEMBER(member, ...) member,

/* static const char *const colour_texts[] = {BC_COLOUR_LIST(BC_ENUM_TEXT)}; */
#define BC_ENUM_TEXT(member, ...) BC_ENUM_TEXT_FIRST(__VA_ARGS__, )
#define BC_ENUM_TEXT_FIRST(text, ...) text,

/* Defines what a header declares as `const char *function(type value);`: the member's text, or `other` for a value that
 * is none. */
#define BC_ENUM_TEXT_FUNCTION(function, type, LIST, other)                                                             \
  const char *function(type value) {                                                                                   \
    static const char *const texts[] = {LIST(BC_ENUM_TEXT)};                                                           \
    return (size_t)value < sizeof texts / sizeof texts[0] ? texts[value] : (other);                                    \
  }

#endif
