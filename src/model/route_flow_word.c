#include "model/route_flow.h"

#include <string.h>

/* Names of values in a flow: those that ExaBGP 4.2 knows (protocol/__init__.py, protocol/ip), of its
 * several thousand names of ports only usual ones, which 5.0 lists by name. Of those that stand for several ports it is
 * the last, as ExaBGP reads them. 5.0 knows less names of ICMP types, so these are read and not printed. */

struct flow_word {
  const char *text;
  uint32_t value;
};

static const struct flow_word flow_protocols[] = {
    {"icmp", 1}, {"igmp", 2}, {"tcp", 6},   {"egp", 8},   {"udp", 17},  {"rsvp", 46},  {"gre", 47},
    {"esp", 50}, {"ah", 51},  {"ospf", 89}, {"ipip", 94}, {"pim", 103}, {"sctp", 132},
};

static const struct flow_word flow_ports[] = {
    {"echo", 7},
    {"systat", 11},
    {"daytime", 13},
    {"qotd", 17},
    {"chargen", 19},
    {"ftp-data", 20},
    {"ftp", 21},
    {"ssh", 22},
    {"telnet", 23},
    {"smtp", 25},
    {"domain", 53},
    {"bootps", 67},
    {"bootpc", 68},
    {"tftp", 69},
    {"finger", 79},
    {"http", 80},
    {"kerberos", 88},
    {"pop3", 110},
    {"sunrpc", 111},
    {"auth", 113},
    {"nntp", 119},
    {"ntp", 123},
    {"epmap", 135},
    {"netbios-ns", 137},
    {"netbios-dgm", 138},
    {"netbios-ssn", 139},
    {"imap", 143},
    {"snmp", 161},
    {"snmptrap", 162},
    {"xdmcp", 177},
    {"bgp", 179},
    {"irc", 194},
    {"ldap", 389},
    {"svrloc", 427},
    {"https", 443},
    {"microsoft-ds", 445},
    {"kpasswd", 464},
    {"urd", 465},
    {"isakmp", 500},
    {"syslog", 514},
    {"printer", 515},
    {"efs", 520},
    {"ripng", 521},
    {"dhcpv6-client", 546},
    {"dhcpv6-server", 547},
    {"rtsp", 554},
    {"submission", 587},
    {"asf-rmcp", 623},
    {"ipp", 631},
    {"ldaps", 636},
    {"ldp", 646},
    {"rsync", 873},
    {"ftps-data", 989},
    {"ftps", 990},
    {"telnets", 992},
    {"imaps", 993},
    {"pop3s", 995},
    {"socks", 1080},
    {"openvpn", 1194},
    {"ms-sql-s", 1433},
    {"ms-sql-m", 1434},
    {"icabrowser", 1604},
    {"sightline", 1645},
    {"sa-msg-port", 1646},
    {"l2f", 1701},
    {"h323hostcall", 1720},
    {"pptp", 1723},
    {"radius", 1812},
    {"radius-acct", 1813},
    {"ibm-mqisdp", 1883},
    {"ssdp", 1900},
    {"callbook", 2000},
    {"nfsd", 2049},
    {"infowave", 2082},
    {"radsec", 2083},
    {"gnunet", 2086},
    {"gtp-control", 2123},
    {"gtp-user", 2152},
    {"binderysupport", 2302},
    {"remoteware-cl", 3000},
    {"ndl-aas", 3128},
    {"net-assistant", 3283},
    {"mysql", 3306},
    {"ms-wbt-server", 3389},
    {"nat-stun-port", 3478},
    {"twrpc", 3479},
    {"plethora", 3480},
    {"upnp-discovery", 3702},
    {"bfd-control", 3784},
    {"bfd-echo", 3785},
    {"ipsec-msft", 4500},
    {"bfd-multi-ctl", 4784},
    {"commplex-main", 5000},
    {"avt-profile-1", 5004},
    {"avt-profile-2", 5005},
    {"sip", 5060},
    {"sip-tls", 5061},
    {"sentinel-lm", 5093},
    {"jabber-client", 5222},
    {"jabber-server", 5269},
    {"mdns", 5353},
    {"llmnr", 5355},
    {"postgresql", 5432},
    {"amqp", 5672},
    {"rfb", 5900},
    {"sun-sr-https", 6443},
    {"cwmp", 7547},
    {"irdmi", 8000},
    {"http-alt", 8080},
    {"sunproxyadmin", 8081},
    {"radan-http", 8088},
    {"pcsync-https", 8443},
    {"ddi-tcp-1", 8888},
    {"cslistener", 9000},
    {"websm", 9090},
    {"xmlipcregsvc", 9092},
    {"pdl-datastream", 9100},
    {"wap-wsp", 9200},
    {"vrace", 9300},
    {"git", 9418},
    {"dsm-scm-target", 9987},
    {"ndmp", 10000},
    {"scp-config", 10001},
    {"zabbix-agent", 10050},
    {"zabbix-trapper", 10051},
    {"soundsvirtual", 17185},
    {"quake", 26000},
    {"crestron-cip", 41794},
    {"bacnet", 47808},
};

static const struct flow_word flow_icmp_types[] = {
    {"echo-reply", 0},
    {"unreachable", 3},
    {"source-quench", 4},
    {"redirect", 5},
    {"echo-request", 8},
    {"router-advertisement", 9},
    {"router-solicit", 10},
    {"time-exceeded", 11},
    {"parameter-problem", 12},
    {"timestamp", 13},
    {"timestamp-reply", 14},
    {"info-request", 15},
    {"info-reply", 16},
    {"mask-request", 17},
    {"mask-reply", 18},
    {"traceroute", 30},
    {"photuris", 40},
    {"experimental-mobility", 41},
    {"extended-echo-request", 42},
    {"extended-echo-reply", 43},
    {"experimental-one", 253},
    {"experimental-two", 254},
};

static const struct flow_word flow_icmp_codes[] = {
    {"network-unreachable", 0},          {"host-unreachable", 1},
    {"protocol-unreachable", 2},         {"port-unreachable", 3},
    {"fragmentation-needed", 4},         {"source-route-failed", 5},
    {"destination-network-unknown", 6},  {"destination-host-unknown", 7},
    {"source-host-isolated", 8},         {"destination-network-prohibited", 9},
    {"destination-host-prohibited", 10}, {"network-unreachable-for-tos", 11},
    {"host-unreachable-for-tos", 12},    {"communication-prohibited-by-filtering", 13},
    {"host-precedence-violation", 14},   {"precedence-cutoff-in-effect", 15},
    {"redirect-for-network", 0},         {"redirect-for-host", 1},
    {"redirect-for-tos-and-net", 2},     {"redirect-for-tos-and-host", 3},
    {"ttl-eq-zero-during-transit", 0},   {"ttl-eq-zero-during-reassembly", 1},
    {"required-option-missing", 1},      {"ip-header-bad", 2},
};

static const struct flow_word flow_tcp_flags[] = {
    {"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04}, {"push", 0x08}, {"ack", 0x10},
    {"urg", 0x20}, {"ece", 0x40}, {"cwr", 0x80}, {"ns", 0x100},  {"urgent", 0x20},
};

static const struct flow_word flow_fragments[] = {
    {"dont-fragment", 1},
    {"is-fragment", 2},
    {"first-fragment", 4},
    {"last-fragment", 8},
};

struct flow_vocabulary {
  const struct flow_word *words;
  size_t count;
  bool is_printed;
};

#define FLOW_VOCABULARY(words, is_printed)                                                                             \
  { words, sizeof(words) / sizeof(words)[0], is_printed }

static const struct flow_vocabulary flow_vocabularies[] = {
    [BC_FLOW_WORDS_NUMBER] = {NULL, 0, false},
    [BC_FLOW_WORDS_PROTOCOL] = FLOW_VOCABULARY(flow_protocols, true),
    [BC_FLOW_WORDS_PORT] = FLOW_VOCABULARY(flow_ports, false),
    [BC_FLOW_WORDS_ICMP_TYPE] = FLOW_VOCABULARY(flow_icmp_types, false),
    [BC_FLOW_WORDS_ICMP_CODE] = FLOW_VOCABULARY(flow_icmp_codes, false),
    [BC_FLOW_WORDS_TCP_FLAGS] = FLOW_VOCABULARY(flow_tcp_flags, true),
    [BC_FLOW_WORDS_FRAGMENT] = FLOW_VOCABULARY(flow_fragments, true),
};

/* As ExaBGP compares: any case, '_' for '-'. */
static bool flow_word_is(struct bc_str text, const char *word) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.at[i];
    c = c == '_' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    if (word[i] == '\0' || word[i] != c) {
      return false;
    }
  }
  return word[text.len] == '\0';
}

bool bc_flow_word_find(enum bc_flow_words words, struct bc_str text, uint32_t *value) {
  const struct flow_vocabulary *vocabulary = &flow_vocabularies[words];
  for (size_t i = 0; i < vocabulary->count; i++) {
    if (flow_word_is(text, vocabulary->words[i].text)) {
      *value = vocabulary->words[i].value;
      return true;
    }
  }
  return false;
}

const char *bc_flow_word_name(enum bc_flow_words words, uint32_t value) {
  const struct flow_vocabulary *vocabulary = &flow_vocabularies[words];
  for (size_t i = 0; vocabulary->is_printed && i < vocabulary->count; i++) {
    if (vocabulary->words[i].value == value) {
      return vocabulary->words[i].text;
    }
  }
  return NULL;
}
