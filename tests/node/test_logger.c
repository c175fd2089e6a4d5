/* The logger: what a line looks like, and that nobody waits for a reader that does not read. */
#include "logger/line.h"
#include "logger/logger.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char line[LOGGER_LINE_SIZE + 1];

static const char *made(bool is_json, const char *words)
{
    bool is_cut;
    size_t size = line_make(line, &is_cut, is_json, LOGGER_LINK, LOGGER_WARN, words);
    assert_in_range(size, 1, LOGGER_LINE_SIZE);
    assert_int_equal(line[size - 1], '\n');
    line[size] = '\0';
    return line;
}

static void assert_has(const char *text, const char *words)
{
    if (strstr(text, words) == NULL) fail_msg("'%s' lacks '%s'", text, words);
}

static void test_logger_lines_are_logfmt_for_people(void **state)
{
    (void)state;
    const char *text = made(false, "msg=peer_up peer=3 why=\"a b\"");
    assert_int_equal(strncmp(text, "time=20", 7), 0);
    assert_has(text, "Z level=warn module=link msg=peer_up peer=3 why=\"a b\"\n");
}

static void test_logger_lines_are_json_for_programs(void **state)
{
    (void)state;
    const char *text = made(true, "msg=block height=12 root=00ff part=007 big=12345678901234567890 "
                                  "minus=-5 market1.term=2 empty= why=\"it said \\\"no\\\" \\\\\"");
    assert_int_equal(strncmp(text, "{\"time\":\"20", 11), 0);
    assert_has(text, "Z\",\"level\":\"warn\",\"module\":\"link\",\"msg\":\"block\",\"height\":12,"
                     "\"root\":\"00ff\",\"part\":\"007\",\"big\":\"12345678901234567890\","
                     "\"minus\":-5,\"market1.term\":2,\"empty\":\"\","
                     "\"why\":\"it said \\\"no\\\" \\\\\"}\n");
    assert_has(made(true, "a sentence \"by\" mistake"),
               "\"text\":\"a sentence \\\"by\\\" mistake\"}");
    assert_has(made(true, "msg=x why=\"no end"), "\"why\":\"\\\"no\",\"text\":\"end\"}");
}

static void test_logger_lets_nobody_write_a_line_of_his_own(void **state)
{
    (void)state;
    for (int is_json = 0; is_json < 2; is_json++) {
        const char *text = made(is_json, "msg=x why=\"a\nlevel=error\x1b[31m\x7f\xff\xc3\"");
        assert_has(text, "a?level=error?[31m???\"");
        assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    }
    assert_has(made(true, "msg=x why=\"\xc3\xa4\""), "\"why\":\"\xc3\xa4\"");
}

static void test_logger_cuts_what_is_too_long_and_says_so(void **state)
{
    (void)state;
    char words[LOGGER_LINE_SIZE] = "msg=x why=\"";
    size_t used = strlen(words);
    memset(words + used, 'a', sizeof words - used - 2);
    words[sizeof words - 2] = '"';
    words[sizeof words - 1] = '\0';
    assert_has(made(false, words), "aaaa cut=true\n");
    assert_has(made(true, words),
               "\"msg\":\"x\",\"cut\":true}\n"); /* a member whole or not at all */
}

static void test_logger_complaints_are_quoted(void **state)
{
    (void)state;
    char words[64];
    line_quote(words, sizeof words, "msg=complaint why=", "cannot read \"a\\b\"\nnow");
    assert_string_equal(words, "msg=complaint why=\"cannot read \\\"a\\\\b\\\"?now\"");
    line_quote(words, 24, "msg=complaint why=", "long and longer");
    assert_string_equal(words, "msg=complaint why=\"lon\"");
}

static void open_pipe(int pipes[2])
{
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_true(logger_open(pipes[1], LOGGER_AUTO)); /* a pipe is no terminal: JSON */
}

/* All that is in the pipe until it ends. */
static char *read_all(int from)
{
    size_t size = 0, room = 4 << 20;
    char *text = malloc(room);
    assert_non_null(text);
    for (;;) {
        ssize_t got = read(from, text + size, room - size - 1);
        assert_true(got >= 0);
        if (got == 0) break;
        size += (size_t)got;
        assert_true(size + 1 < room);
    }
    text[size] = '\0';
    return text;
}

static uint32_t count_of(const char *text, const char *word)
{
    uint32_t count = 0;
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word))
        count++;
    return count;
}

static void test_logger_writes_all_lines_in_order_before_it_closes(void **state)
{
    (void)state;
    int pipes[2];
    open_pipe(pipes);
    for (unsigned i = 0; i < 300; i++)
        logger_say(LOGGER_NODE, LOGGER_INFO, "msg=count number=%u", i);
    assert_true(logger_flush(10000));
    logger_close(10000);
    close(pipes[1]);
    char *text = read_all(pipes[0]);
    const char *at = text;
    for (unsigned i = 0; i < 300; i++) {
        char word[32];
        snprintf(word, sizeof word, "\"number\":%u}", i);
        at = strstr(at, word);
        assert_non_null(at);
    }
    free(text);
    close(pipes[0]);
}

static void test_logger_says_only_what_its_module_lets_through(void **state)
{
    (void)state;
    int pipes[2];
    open_pipe(pipes);
    logger_set_level(LOGGER_FEED, LOGGER_WARN);
    logger_say(LOGGER_FEED, LOGGER_INFO, "msg=quiet");
    logger_say(LOGGER_FEED, LOGGER_WARN, "msg=loud");
    logger_say(LOGGER_LINK, LOGGER_DEBUG, "msg=quiet");
    logger_set_level(LOGGER_LINK, LOGGER_DEBUG);
    logger_say(LOGGER_LINK, LOGGER_DEBUG, "msg=loud");
    logger_set_level(LOGGER_FEED, LOGGER_INFO);
    logger_set_level(LOGGER_LINK, LOGGER_INFO);
    logger_close(10000);
    close(pipes[1]);
    char *text = read_all(pipes[0]);
    assert_int_equal(count_of(text, "quiet"), 0);
    assert_int_equal(count_of(text, "loud"), 2);
    free(text);
    close(pipes[0]);
}

static void *reader_of(void *context)
{
    return read_all(*(int *)context);
}

static void test_logger_drops_counts_and_says_so_when_nobody_reads(void **state)
{
    (void)state;
    enum { LINES = 5000 };
    int pipes[2];
    struct logger_counters before, after;
    pthread_t reader;
    void *text;
    logger_counters(&before);
    open_pipe(pipes);
    /* A ring of lines must not fit the pipe, or all is written when the writer comes late. */
    assert_int_equal(fcntl(pipes[1], F_SETPIPE_SZ, 4096), 4096);
    for (unsigned i = 0; i < LINES; i++) /* comes back although the pipe is full */
        logger_say(LOGGER_NODE, LOGGER_INFO, "msg=flood number=%u and=\"some more words for it\"",
                   i);
    logger_counters(&after);
    assert_int_equal(after.lines - before.lines, LINES);
    uint64_t dropped = after.dropped - before.dropped;
    assert_in_range(dropped, 1, LINES - LOGGER_LINES_MAX);
    assert_false(logger_flush(1));
    assert_int_equal(pthread_create(&reader, NULL, reader_of, &pipes[0]), 0);
    assert_true(logger_flush(20000));
    logger_say(LOGGER_NODE, LOGGER_INFO, "msg=last");
    logger_close(20000);
    close(pipes[1]);
    assert_int_equal(pthread_join(reader, &text), 0);
    assert_int_equal(count_of(text, "\"msg\":\"flood\""), LINES - dropped);
    assert_int_equal(count_of(text, "\"msg\":\"last\""), 1);
    uint64_t said = 0;
    for (const char *at = strstr(text, "\"msg\":\"log_dropped\",\"lines\":"); at != NULL;
         at = strstr(at + 1, "\"msg\":\"log_dropped\",\"lines\":"))
        said += strtoull(at + strlen("\"msg\":\"log_dropped\",\"lines\":"), NULL, 10);
    assert_int_equal(said, dropped);
    free(text);
    close(pipes[0]);
}

static void *writer_of(void *context)
{
    unsigned number = *(unsigned *)context;
    for (unsigned i = 0; i < 100; i++)
        logger_say(LOGGER_NODE, LOGGER_INFO, "msg=many writer=%u line=%u", number, i);
    return NULL;
}

static void test_logger_takes_lines_of_many_threads_whole(void **state)
{
    (void)state;
    enum { WRITERS = 4 };
    pthread_t writers[WRITERS], reader;
    unsigned numbers[WRITERS];
    struct logger_counters before, after;
    int pipes[2];
    void *text;
    logger_counters(&before);
    open_pipe(pipes);
    assert_int_equal(pthread_create(&reader, NULL, reader_of, &pipes[0]), 0);
    for (unsigned i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&writers[i], NULL, writer_of, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(writers[i], NULL), 0);
    logger_close(20000);
    close(pipes[1]);
    assert_int_equal(pthread_join(reader, &text), 0);
    logger_counters(&after);
    uint64_t dropped = after.dropped - before.dropped;
    assert_int_equal(count_of(text, "\"msg\":\"many\""), WRITERS * 100 - dropped);
    for (char *at = strtok(text, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        assert_int_equal(at[0], '{');
        assert_int_equal(at[strlen(at) - 1], '}');
    }
    free(text);
    close(pipes[0]);
}

static void test_logger_counts_lines_that_nobody_can_get(void **state)
{
    (void)state;
    int pipes[2];
    struct logger_counters before, after;
    logger_counters(&before);
    open_pipe(pipes);
    close(pipes[0]);
    logger_say(LOGGER_NODE, LOGGER_INFO, "msg=lost");
    logger_close(10000);
    logger_counters(&after);
    assert_int_equal(after.failed - before.failed, 1);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logger_lines_are_logfmt_for_people),
        cmocka_unit_test(test_logger_lines_are_json_for_programs),
        cmocka_unit_test(test_logger_lets_nobody_write_a_line_of_his_own),
        cmocka_unit_test(test_logger_cuts_what_is_too_long_and_says_so),
        cmocka_unit_test(test_logger_complaints_are_quoted),
        cmocka_unit_test(test_logger_writes_all_lines_in_order_before_it_closes),
        cmocka_unit_test(test_logger_says_only_what_its_module_lets_through),
        cmocka_unit_test(test_logger_drops_counts_and_says_so_when_nobody_reads),
        cmocka_unit_test(test_logger_takes_lines_of_many_threads_whole),
        cmocka_unit_test(test_logger_counts_lines_that_nobody_can_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
