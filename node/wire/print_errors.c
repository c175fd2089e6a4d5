/* wire_print_errors: the tables of errors as a page, as a Python module or as a C header.
 * docs/errors.md, docs/examples/tenor_errors.py and include/tenor/client_errors.h are what it
 * prints; a test holds them against it, and
 * `cmake --build … --target errors_pages` writes them anew. */
#include "wire/errors.h"

#include "tenor/reject.h"

#include <stdio.h>
#include <string.h>

struct range {
    uint32_t first, last;
    const char *title;
};

static const struct range ranges[] = {
    {10001, 10999, "The connection"},
    {20001, 20999, "Logging on"},
    {30001, 30999, "Limits"},
    {40001, 40999, "What was asked"},
    {50001, 50999, "The node"},
    {1, 199, "The book"},
    {200, 299, "The frame and its account"},
    {300, 399, "The series and its status"},
    {400, 499, "The order's own terms"},
    {500, 599, "Quotes and protection"},
    {600, 699, "Packages and block trades"},
    {700, 799, "Money"},
    {800, 899, "Work in slices"},
    {900, 999, "Risk"},
    {1000, 1099, "Sessions, terms, items"},
    {1100, 1199, "The leader's desk"},
};
#define RANGES (sizeof ranges / sizeof ranges[0])

static const uint32_t errors[] = {
#define X(name, number, retriable, text, hint) number,
    WIRE_ERROR_TABLE(X)
#undef X
};
#define ERRORS (sizeof errors / sizeof errors[0])

static const uint32_t rejects[] = {
#define X(name, number, text) number,
    TN_REJECT_TABLE(X)
#undef X
};
#define REJECTS (sizeof rejects / sizeof rejects[0])

/* ---- The page ----------------------------------------------------------------------------------
 */

static void print_range(const struct range *range, const uint32_t *codes, size_t codes_count)
{
    printf("\n### %s\n\n| number | name | what it means | what to do | again? |\n", range->title);
    printf("|---|---|---|---|---|\n");
    for (size_t i = 0; i < codes_count; i++) {
        uint32_t code = codes[i];
        if (code < range->first || code > range->last) continue;
        printf("| %u | `%s` | %s | %s | %s |\n", (unsigned)code, wire_error_name(code),
               wire_error_text(code), wire_error_hint(code),
               wire_error_is_retriable(code) ? "yes" : "no");
    }
}

static void print_page(void)
{
    printf(
        "# Errors\n\n"
        "Every number by which a node or the exchange says no. They are protocol: stable, and "
        "never used for something else.\n\n"
        "- `Error.code` below 10 000 is a reject of the exchange: the frame never entered the "
        "market's stream. From 10 001 on it is the\n"
        "  node's own.\n"
        "- `Event.reject` is a reject: the command was executed, and refused. Its frame's nonce "
        "is used.\n"
        "- *again?* says whether the very same bytes may pass later. Where it says no, something "
        "must be changed first.\n\n"
        "Made from `node/wire/errors.h`, `include/tenor/reject.h` and `node/wire/hints.h` by "
        "`cmake --build BUILD --target errors_pages`,\n"
        "and so is `docs/examples/tenor_errors.py`.\n\n"
        "## Of a node\n");
    for (size_t i = 0; i < RANGES; i++) {
        if (ranges[i].first > 10000) print_range(&ranges[i], errors, ERRORS);
    }
    printf("\n## Of the exchange\n");
    for (size_t i = 0; i < RANGES; i++) {
        if (ranges[i].first < 10000) print_range(&ranges[i], rejects, REJECTS);
    }
}

/* ---- The module --------------------------------------------------------------------------------
 */

static void print_enumeration(const char *name, const uint32_t *codes, size_t codes_count)
{
    printf("\n\nclass %s(enum.IntEnum):\n", name);
    for (size_t i = 0; i < codes_count; i++) {
        printf("    %s = %u\n", wire_error_name(codes[i]), (unsigned)codes[i]);
    }
}

/* No text of the tables holds a backslash or a double quote: a test says so. */
static void print_rows(const uint32_t *codes, size_t codes_count)
{
    for (size_t i = 0; i < codes_count; i++) {
        uint32_t code = codes[i];
        printf("    %u: (\"%s\", %s, \"%s\",\n        \"%s\"),\n", (unsigned)code,
               wire_error_name(code), wire_error_is_retriable(code) ? "True" : "False",
               wire_error_text(code), wire_error_hint(code));
    }
}

static void print_module(void)
{
    printf(
        "\"\"\"Every number by which a node (NodeError) or the exchange (Reject) says no: "
        "docs/errors.md.\n\n"
        "Made from node/wire/errors.h, include/tenor/reject.h and node/wire/hints.h; do not edit.\n"
        "\"\"\"\n"
        "import enum\n");
    print_enumeration("NodeError", errors, ERRORS);
    print_enumeration("Reject", rejects, REJECTS);
    printf(
        "\n\n# number: (name, may the same be sent again, what it means, what to do)\nTABLE = {\n");
    print_rows(errors, ERRORS);
    print_rows(rejects, REJECTS);
    printf("}\n\n\n"
           "def describe(code):\n"
           "    \"\"\"One line for people.\"\"\"\n"
           "    if code not in TABLE:\n"
           "        return f\"error {code}, which this table does not have\"\n"
           "    name, _, text, hint = TABLE[code]\n"
           "    return f\"{name} ({code}): {text}; {hint}\"\n");
}

/* ---- The public header -------------------------------------------------------------------------
 */

/* A comment of at most 96 columns a line, broken between words. */
static void print_comment(const char *text)
{
    size_t column = 7;
    printf("    /*");
    while (*text != 0) {
        size_t size = strcspn(text, " ");
        if (column + size + 1 > 96) {
            printf("\n     *");
            column = 6;
        }
        printf(" %.*s", (int)size, text);
        column += size + 1;
        text += size;
        while (*text == ' ')
            text++;
    }
    printf(" */\n");
}

static void print_header(void)
{
    printf("/* client_errors: the numbers by which a node says no, as in docs/errors.md: struct\n"
           " * tn_news_error has them. Below TN_ERRORS they are enum tn_reject of tenor/reject.h.\n"
           " *\n"
           " * Made from node/wire/errors.h; do not edit. */\n"
           "#ifndef TENOR_CLIENT_ERRORS_H\n#define TENOR_CLIENT_ERRORS_H\n\n"
           "#include <stdbool.h>\n#include <stdint.h>\n\n"
           "#define TN_ERRORS 10000\n\n"
           "enum tn_error {\n    TN_ERROR_NONE = 0,\n");
    for (size_t i = 0; i < ERRORS; i++) {
        print_comment(wire_error_text(errors[i]));
        printf("    TN_ERROR_%s = %u,\n", wire_error_name(errors[i]), (unsigned)errors[i]);
    }
    printf("};\n\n"
           "/* Of an error or a reject: the stable name (\"BUSY\", \"MARGIN_SHORT\"), what it "
           "means, what"
           " to do;\n"
           " * NULL for a number that is in neither table. */\n"
           "const char *tn_error_name(uint32_t code);\n"
           "const char *tn_error_text(uint32_t code);\n"
           "const char *tn_error_hint(uint32_t code);\n"
           "/* May the same be sent again, unchanged? */\n"
           "bool tn_error_is_retriable(uint32_t code);\n\n#endif\n");
}

int main(int arguments_count, char **arguments)
{
    const char *what = arguments_count == 2 ? arguments[1] : "";
    if (strcmp(what, "page") == 0) {
        print_page();
    } else if (strcmp(what, "module") == 0) {
        print_module();
    } else if (strcmp(what, "header") == 0) {
        print_header();
    } else {
        fprintf(stderr, "usage: wire_print_errors page|module|header\n");
        return 2;
    }
    return ferror(stdout) != 0 || fflush(stdout) != 0;
}
