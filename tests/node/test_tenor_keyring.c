/* Keys and sessions in files: only their owner's, written whole, refused when they are not. */
#include "tenor/keyring.h" /* node/tenor */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64];
static const uint8_t chain[32] = {0xab, 0xcd, 0xef}, other_chain[32] = {1};

static void path_of(char out[256], const char *name)
{
    snprintf(out, 256, "%s/%s", folder, name);
}

static unsigned mode_of(const char *name)
{
    char path[256];
    struct stat about;
    path_of(path, name);
    assert_int_equal(stat(path, &about), 0);
    return about.st_mode & 0777;
}

static void a_new_key_is_a_file_that_only_its_owner_reads(void **state)
{
    (void)state;
    struct tn_secret_key made, read;
    assert_false(keyring_exists("alice"));
    assert_true(keyring_make(&made, "alice"));
    assert_true(keyring_exists("alice"));
    assert_int_equal(mode_of("keys/alice.key"), 0600);
    assert_int_equal(mode_of("keys"), 0700);
    assert_true(keyring_read(&read, "alice"));
    assert_memory_equal(read.bytes, made.bytes, sizeof made.bytes);
    assert_false(keyring_make(&made, "alice")); /* never over one that is there */
    assert_true(keyring_read(&made, "alice"));
    assert_memory_equal(read.bytes, made.bytes, sizeof made.bytes);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
    (void)state;
    struct tn_secret_key key;
    char path[256];
    assert_true(keyring_make(&key, "open"));
    path_of(path, "keys/open.key");
    for (unsigned mode = 0; mode < 077; mode = mode * 2 + 1) {
        assert_int_equal(chmod(path, 0600 | mode), 0);
        assert_int_equal(keyring_read(&key, "open"), mode == 0);
    }
}

static void names_that_would_leave_the_folder_are_refused(void **state)
{
    (void)state;
    struct tn_secret_key key;
    static const char *const bad[] = {
        "", "..", "a/b", "../alice", "a b", "a.key", "a-name-that-is-longer-than-forty-characters"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(keyring_make(&key, bad[i]));
    assert_false(keyring_read(&key, "nobody"));
}

static void an_imported_key_is_the_one_that_was_given_and_is_listed(void **state)
{
    (void)state;
    static struct keyring_names names;
    struct tn_secret_key key = {{0}}, read;
    key.bytes[31] = 7;
    assert_true(keyring_import(&key, "zoe"));
    assert_false(keyring_import(&key, "zoe"));
    assert_int_equal(mode_of("keys/zoe.key"), 0600);
    assert_true(keyring_read(&read, "zoe"));
    assert_memory_equal(read.bytes, key.bytes, sizeof key.bytes);
    assert_true(keyring_list(&names));
    assert_false(names.more);
    for (uint32_t i = 1; i < names.count; i++)
        assert_true(strcmp(names.names[i - 1], names.names[i]) < 0);
    assert_string_equal(names.names[names.count - 1], "zoe");
}

static struct keyring_session a_session(void)
{
    struct keyring_session session = {
        .market = 2, .account = 41, .session = UINT64_C(4294967297), .expires_ms = 1767225600000};
    memset(session.key.bytes, 0x5a, sizeof session.key.bytes);
    return session;
}

static void a_session_is_kept_for_its_chain_its_key_and_its_market(void **state)
{
    (void)state;
    const struct keyring_session session = a_session();
    struct keyring_session read;
    bool is_found;
    assert_true(keyring_session_read(&read, &is_found, chain, "alice", 2));
    assert_false(is_found);
    assert_true(keyring_session_write(&session, chain, "alice"));
    assert_int_equal(mode_of("sessions/abcdef0000000000/alice-2"), 0600);
    assert_true(keyring_session_read(&read, &is_found, chain, "alice", 2));
    assert_true(is_found);
    assert_int_equal(read.market, 2);
    assert_int_equal(read.account, 41);
    assert_true(read.session == session.session);
    assert_true(read.expires_ms == session.expires_ms);
    assert_memory_equal(read.key.bytes, session.key.bytes, sizeof read.key.bytes);
    assert_true(keyring_session_read(&read, &is_found, chain, "alice", 1) && !is_found);
    assert_true(keyring_session_read(&read, &is_found, chain, "bob", 2) && !is_found);
    assert_true(keyring_session_read(&read, &is_found, other_chain, "alice", 2) && !is_found);
    /* A newer one takes its place; dropped it is gone, and dropping it again is no failure. */
    struct keyring_session newer = a_session();
    newer.account = 42;
    assert_true(keyring_session_write(&newer, chain, "alice"));
    assert_true(keyring_session_read(&read, &is_found, chain, "alice", 2) && is_found);
    assert_int_equal(read.account, 42);
    assert_true(keyring_session_drop(chain, "alice", 2));
    assert_true(keyring_session_drop(chain, "alice", 2));
    assert_true(keyring_session_read(&read, &is_found, chain, "alice", 2) && !is_found);
}

static void a_session_that_is_damaged_or_open_to_others_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "account 1\n", "account 1\nsession 2\nexpires_ms 3\nsecret 00\n",
        "account x\nsession 2\nexpires_ms 3\nsecret "
        "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n",
        "account 1\nsession 2\nexpires_ms 3\nsecret "
        "zz5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a\n"};
    const struct keyring_session session = a_session();
    struct keyring_session read;
    bool is_found;
    char path[256];
    assert_true(keyring_session_write(&session, chain, "carol"));
    path_of(path, "sessions/abcdef0000000000/carol-2");
    assert_int_equal(chmod(path, 0640), 0);
    assert_false(keyring_session_read(&read, &is_found, chain, "carol", 2));
    assert_int_equal(chmod(path, 0600), 0);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
        assert_false(keyring_session_read(&read, &is_found, chain, "carol", 2));
        assert_false(is_found);
    }
}

static int begin(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tenor-keyring-XXXXXX");
    if (mkdtemp(folder) == NULL) return 1;
    return setenv("TENOR_HOME", folder, 1);
}

static int end(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_a_file_that_only_its_owner_reads),
        cmocka_unit_test(a_key_that_others_may_read_is_refused),
        cmocka_unit_test(names_that_would_leave_the_folder_are_refused),
        cmocka_unit_test(an_imported_key_is_the_one_that_was_given_and_is_listed),
        cmocka_unit_test(a_session_is_kept_for_its_chain_its_key_and_its_market),
        cmocka_unit_test(a_session_that_is_damaged_or_open_to_others_is_refused),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
