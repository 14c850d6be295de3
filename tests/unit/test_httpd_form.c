/* The HTTP server: forms in requests. */
#include "httpd_world.h"

#define HOST "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

#define URLENCODED "Content-Type: application/x-www-form-urlencoded\r\n"

static unsigned ask_form(struct fixture *f, const char *type, const char *body, char *answer, size_t answer_size) {
  struct client client;
  char head[512];
  (void)snprintf(head, sizeof head, "POST /form HTTP/1.1\r\n" HOST CLOSE "%sContent-Length: %zu\r\n\r\n", type,
                 strlen(body));
  client_open(&client, f);
  client_send(&client, head);
  client_send(&client, body);
  client_wait_end(&client);
  const char *text = strstr(client.answer.data, "\r\n\r\n");
  (void)snprintf(answer, answer_size, "%s", text == NULL ? "" : text + 4);
  unsigned status = status_of(&client);
  client_end(&client);
  return status;
}

struct form_case {
  const char *type, *body;
  unsigned status;
  const char *value;
};

#define PART "Content-Disposition: form-data; name=\"command\"\r\n\r\n"
#define MULTIPART(boundary) "Content-Type: multipart/form-data; boundary=" boundary "\r\n"

static const struct form_case forms[] = {
    {URLENCODED, "command=announce+route+1.0.0.0%2F24", 200, "announce route 1.0.0.0/24"},
    {URLENCODED, "a=b&command=x&c=d", 200, "x"},
    {URLENCODED, "command=", 200, ""},
    {URLENCODED, "command=%zz", 400, NULL},
    {URLENCODED, "command=%4", 400, NULL},
    {URLENCODED, "&&command=%25&", 200, "%"},
    {URLENCODED, "=x", 400, NULL},
    {URLENCODED, "a%00b=x", 400, NULL},
    {URLENCODED, "command", 200, ""},
    {URLENCODED, "command=a=b", 200, "a=b"},
    {URLENCODED, "other=x", 422, "no command"},
    {URLENCODED, "command=x&command=y", 400, NULL},
    {URLENCODED, "command=x&%63ommand=y", 400, NULL},
    {"Content-Type: Application/X-WWW-Form-URLencoded; charset=utf-8\r\n", "command=x", 200, "x"},
    {"Content-Type: application/json\r\n", "command=x", 422, "no command"},
    {"Content-Type: application/x-www-form-urlencodedX\r\n", "command=x", 422, "no command"},
    {"", "command=x", 422, "no command"},
    {MULTIPART("xyz"), "--xyz\r\n" PART "announce route\r\n--xyz--\r\n", 200, "announce route"},
    {MULTIPART("xyz"), "--xyz\r\n" PART "two\r\nlines\r\n--xyz--\r\n", 200, "two\r\nlines"},
    {MULTIPART("xyz"), "--xyz\r\n" PART "--xy\r\n--xyz--\r\n", 200, "--xy"},
    {MULTIPART("xyz"),
     "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xyz\r\n" PART "x\r\n--xyz--\r\n", 200, "x"},
    {MULTIPART("\"x y:z\""), "--x y:z\r\n" PART "quoted\r\n--x y:z--\r\n", 200, "quoted"},
    {MULTIPART("----------------------------0123456789abcdef"),
     "------------------------------0123456789abcdef\r\n" PART "as curl\r\n"
     "------------------------------0123456789abcdef--\r\n",
     200, "as curl"},
    {MULTIPART("xyz"), "--xyz\r\n" PART "x\r\n--xyz\r\n" PART "y\r\n--xyz--\r\n", 400, NULL},
    {MULTIPART("xyz"), "--xyz\r\n" PART "never ends", 400, NULL},
    {MULTIPART("xyz"), "--abc\r\n" PART "other boundary\r\n--abc--\r\n", 422, "no command"},
    {MULTIPART("xyz"), "no boundary at all", 422, "no command"},
    {MULTIPART("xyz"), "--xyz\r\n\r\nno name\r\n--xyz--\r\n", 400, NULL},
    {"Content-Type: multipart/form-data\r\n", "--xyz\r\n" PART "x\r\n--xyz--\r\n", 400, NULL},
    {MULTIPART(""), "--\r\n" PART "x\r\n----\r\n", 400, NULL},
};

static void forms_are_read_or_refused(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char answer[1024];
    unsigned status = ask_form(f, forms[i].type, forms[i].body, answer, sizeof answer);
    bool is_same = forms[i].value == NULL || strcmp(answer, forms[i].value) == 0;
    if (status != forms[i].status || !is_same) {
      fail_msg("%u (%s) instead of %u for %s%s", status, answer, forms[i].status, forms[i].type, forms[i].body);
    }
  }
}

static void a_large_field_arrives_whole(void **state) {
  struct fixture *f = *state;
  struct bc_buf body;
  bc_buf_init(&body, 1 << 20);
  bc_buf_add_text(&body, "--xyz\r\n" PART);
  for (int i = 0; i < 60000; i++) {
    bc_buf_add_text(&body, i % 100 == 0 ? "\r" : "d");
  }
  size_t value_len = body.len - strlen("--xyz\r\n" PART);
  bc_buf_add_text(&body, "\r\n--xyz--\r\n");
  char *answer = malloc(1 << 20);
  assert_int_equal(ask_form(f, MULTIPART("xyz"), body.data, answer, 1 << 20), 200);
  assert_int_equal(strlen(answer), value_len);
  free(answer);
  bc_buf_free(&body);
}

static void a_form_with_too_many_fields_is_refused(void **state) {
  struct fixture *f = *state;
  char body[4096] = "command=x", answer[256];
  for (int i = 1; i < BC_LIMIT_HTTP_FORM_FIELDS; i++) {
    (void)snprintf(body + strlen(body), sizeof body - strlen(body), "&f%d=", i);
  }
  assert_int_equal(ask_form(f, URLENCODED, body, answer, sizeof answer), 200);
  (void)snprintf(body + strlen(body), sizeof body - strlen(body), "&more=1");
  assert_int_equal(ask_form(f, URLENCODED, body, answer, sizeof answer), 400);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
      TEST(forms_are_read_or_refused),
      TEST(a_large_field_arrives_whole),
      TEST(a_form_with_too_many_fields_is_refused),
#undef TEST
  };
  cmocka_set_test_filter(getenv("BC_TEST_FILTER")); /* NULL: all */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
