/* DNS answers, decoded from the bytes that came (RFC 1035 4, RFC 3596, RFC 2782, RFC 8659, RFC 6891). Pure, and without
 * memory of its own: a reader walks over the message, each record is told in a struct of the caller's, so that no
 * answer makes us hold more than it has bytes, and the time is linear in them.
 *
 * c-ares 1.18 decodes one type out of the answer section and neither the other sections, nor flags, nor types that it
 * does not know; libldns builds an object for each field and brings libcrypto with it. So the records are taken apart
 * here; names, where the mistakes are (compression, loops, escapes), by the C library's ns_name_uncompress. */
#ifndef BC_PROTO_DNS_H
#define BC_PROTO_DNS_H

#include "base/buf.h"
#include "base/enum_text.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  BC_DNS_NAME_BYTES = 1025, /* the longest name as text, with its end (escapes take four bytes for one) */
  BC_DNS_FIELDS = 7,
  BC_DNS_RECORD_NAMES = 2, /* in the rdata of one record */
  BC_DNS_MESSAGE_BYTES = 65535
};

/* name, number, its fields: letter:NAME by blanks; a = IPv4 address, 6 = IPv6 address, n = name, 1, 2, 4 = number of so
 * many bytes, t = strings to the end, s = one string, r = the rest as text. No fields: told as generic (RFC 3597). */
#define BC_DNS_TYPE_LIST(X)                                                                                            \
  X(A, 1, "a:address")                                                                                                 \
  X(NS, 2, "n:host")                                                                                                   \
  X(CNAME, 5, "n:target")                                                                                              \
  X(SOA, 6, "n:mname n:rname 4:serial 4:refresh 4:retry 4:expire 4:minimum")                                           \
  X(PTR, 12, "n:target")                                                                                               \
  X(HINFO, 13, "")                                                                                                     \
  X(MX, 15, "2:preference n:exchange")                                                                                 \
  X(TXT, 16, "t:text")                                                                                                 \
  X(AAAA, 28, "6:address")                                                                                             \
  X(SRV, 33, "2:priority 2:weight 2:port n:target")                                                                    \
  X(NAPTR, 35, "")                                                                                                     \
  X(DNAME, 39, "n:target")                                                                                             \
  X(OPT, 41, "")                                                                                                       \
  X(DS, 43, "")                                                                                                        \
  X(SSHFP, 44, "")                                                                                                     \
  X(RRSIG, 46, "")                                                                                                     \
  X(NSEC, 47, "")                                                                                                      \
  X(DNSKEY, 48, "")                                                                                                    \
  X(NSEC3, 50, "")                                                                                                     \
  X(NSEC3PARAM, 51, "")                                                                                                \
  X(TLSA, 52, "")                                                                                                      \
  X(CDS, 59, "")                                                                                                       \
  X(CDNSKEY, 60, "")                                                                                                   \
  X(SVCB, 64, "")                                                                                                      \
  X(HTTPS, 65, "")                                                                                                     \
  X(SPF, 99, "t:text")                                                                                                 \
  X(ANY, 255, "")                                                                                                      \
  X(CAA, 257, "1:flags s:tag r:value")

/* name, number (RFC 6895 2.3) */
#define BC_DNS_RCODE_LIST(X)                                                                                           \
  X(NOERROR, 0)                                                                                                        \
  X(FORMERR, 1)                                                                                                        \
  X(SERVFAIL, 2)                                                                                                       \
  X(NXDOMAIN, 3)                                                                                                       \
  X(NOTIMP, 4)                                                                                                         \
  X(REFUSED, 5)                                                                                                        \
  X(YXDOMAIN, 6)                                                                                                       \
  X(YXRRSET, 7)                                                                                                        \
  X(NXRRSET, 8)                                                                                                        \
  X(NOTAUTH, 9)                                                                                                        \
  X(NOTZONE, 10)                                                                                                       \
  X(BADVERS, 16)                                                                                                       \
  X(BADKEY, 17)                                                                                                        \
  X(BADTIME, 18)                                                                                                       \
  X(BADCOOKIE, 23)

#define BC_DNS_SECTION_LIST(X)                                                                                         \
  X(BC_DNS_ANSWER, "answer")                                                                                           \
  X(BC_DNS_AUTHORITY, "authority")                                                                                     \
  X(BC_DNS_ADDITIONAL, "additional")

enum bc_dns_section { BC_DNS_SECTION_LIST(BC_ENUM_MEMBER) BC_DNS_SECTION_COUNT };
const char *bc_dns_section_text(enum bc_dns_section value);

/* "A", "aaaa", "TYPE65" (RFC 3597 5). BC_ERR_NOT_FOUND, BC_ERR_RANGE. */
BC_MUST_CHECK enum bc_err bc_dns_type_parse(struct bc_str text, uint16_t *type);
/* "IN", "ch", "HS", "ANY", "CLASS7". The same errors. */
BC_MUST_CHECK enum bc_err bc_dns_class_parse(struct bc_str text, uint16_t *dns_class);
/* "A", "TYPE4711", "NOERROR", "RCODE12", "IN", "CLASS7" into `text`. */
enum { BC_DNS_WORD_BYTES = 16 };
void bc_dns_type_print(uint16_t type, char text[static BC_DNS_WORD_BYTES]);
void bc_dns_rcode_print(uint16_t rcode, char text[static BC_DNS_WORD_BYTES]);
void bc_dns_class_print(uint16_t dns_class, char text[static BC_DNS_WORD_BYTES]);

/* Head and question. Names are as master files have them, without the dot at the end ("." is the root): printable
 * ASCII, all else escaped as \DDD. */
struct bc_dns_message {
  uint16_t id;
  uint16_t rcode; /* with the upper bits of EDNS */
  uint8_t opcode;
  bool is_answer;                                    /* QR */
  bool is_authoritative, is_truncated;               /* AA, TC */
  bool is_recursion_desired, is_recursion_available; /* RD, RA */
  bool is_authentic, is_checking_disabled;           /* AD, CD */
  bool has_question;                                 /* the first one is told; more are passed over */
  char name[BC_DNS_NAME_BYTES];                      /* of the question */
  uint16_t type, dns_class;
  uint16_t counts[BC_DNS_SECTION_COUNT]; /* of records, as the head tells; the OPT record counts too */
  bool has_edns;
  uint16_t edns_bytes; /* the largest UDP answer that the server takes */
  bool is_dnssec_ok;   /* DO */
  /* Where the reader is. */
  struct bc_str bytes;
  size_t at;
  size_t passed, whole; /* records: behind us, in all */
};

/* Reads head and question, and walks over all records once: one that is cut short is told here. The bytes must stay
 * until the last bc_dns_next. BC_ERR_PROTOCOL with one line. An answer that says of itself that it is truncated may end
 * inside a record: bc_dns_next then gives those before it. What is behind the last record is ignored. */
BC_MUST_CHECK enum bc_err bc_dns_open(struct bc_dns_message *message, struct bc_str bytes, struct bc_fault *fault);

struct bc_dns_field {
  struct bc_str name;
  bool is_number;
  bool is_strings; /* `text` holds strings for bc_dns_next_string */
  uint32_t number;
  struct bc_str text; /* any bytes; valid as long as the record and the message */
};

struct bc_dns_record {
  enum bc_dns_section section;
  char name[BC_DNS_NAME_BYTES];
  uint16_t type, dns_class;
  uint32_t ttl;        /* seconds */
  struct bc_str rdata; /* as it came */
  /* By the list of types; none for types without fields there. */
  struct bc_dns_field fields[BC_DNS_FIELDS];
  size_t field_count;
  char texts[BC_DNS_RECORD_NAMES][BC_DNS_NAME_BYTES]; /* what fields point to */
};

/* The next record, sections in their order; the OPT record is passed over (it stands in the message). BC_ERR_NOT_FOUND
 * after the last. BC_ERR_PROTOCOL with one line: a name leads nowhere, or the rdata is not of its type; the reader then
 * stands at the end. */
BC_MUST_CHECK enum bc_err bc_dns_next(struct bc_dns_message *message, struct bc_dns_record *record,
                                      struct bc_fault *fault);

/* Takes one string off the text of a field with is_strings; false after the last. */
bool bc_dns_next_string(struct bc_str *strings, struct bc_str *string);

/* The rdata as a master file has it: "192.0.2.1", "10 mx.example.net.", "\"v=spf1 -all\"", "\# 3 0a0b0c". Names end
 * with a dot. */
void bc_dns_print_rdata(const struct bc_dns_record *record, struct bc_buf *to);

/* Where the PTR record of an address stands: "1.2.0.192.in-addr.arpa", "1.0. … .ip6.arpa" (RFC 1035 3.5, RFC 3596
 * 2.5). Network order; IPv4 in the first four bytes. */
enum { BC_DNS_REVERSE_BYTES = 73 };
void bc_dns_print_reverse(const uint8_t *address, bool is_ipv6, char text[static BC_DNS_REVERSE_BYTES]);

/* Whether these bytes answer that query: same id, QR, and the same question (names without regard to case), or none at
 * all in an answer that is an error. Never fails; for what comes in by UDP. */
bool bc_dns_answers(struct bc_str answer, struct bc_str query);

#endif
