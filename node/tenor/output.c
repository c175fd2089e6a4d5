/* output: fields and tables, gathered and then printed once.
 *
 * Everything is kept as JSON until it is printed: people's tables are made of the same values, so
 * both forms always say the same. The widths of columns are known only when the last row is there;
 * a command's answer is bounded by what a node answers, so keeping it is cheap. */
#include "output.h"

#include "decimal.h"
#include "words.h"

#include "tenor/hex.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME_SIZE = 40, NAME_WIDTH = 20, HEX_COUNT_MAX = 128 };

struct column {
    char name[NAME_SIZE];
    bool is_number, is_hidden;
    int spare; /* 1: left out first where there is no room, 2: after those, 0: never */
    int width;
};

struct output {
    FILE *out;
    enum format format;
    bool stream, failed;
    int room;  /* of a line; 0: any */
    int fault; /* errno of the first line that did not get out */
    json_t *root, *table, *row;
    struct column columns[OUTPUT_COLUMNS_MAX];
    uint32_t columns_count;
};

struct output *output_make(FILE *out, enum format format, bool stream)
{
    struct output *output = calloc(1, sizeof *output);
    if (output == NULL) return NULL;
    *output = (struct output){.out = out, .format = format, .stream = stream};
    output->root = json_object();
    output->failed = output->root == NULL;
    return output;
}

void output_room(struct output *output, int columns)
{
    output->room = columns;
}

void output_free(struct output *output)
{
    if (output == NULL) return;
    json_decref(output->root);
    free(output);
}

/* ---- Values -----------------------------------------------------------------------------------
 */

static void put(struct output *output, const char *name, json_t *value)
{
    json_t *object = output->row != NULL ? output->row : output->root;
    if (value == NULL || json_object_set_new(object, name, value) != 0) output->failed = true;
}

void output_text(struct output *output, const char *name, const char *text)
{
    put(output, name, json_string(text));
}

void output_count(struct output *output, const char *name, uint64_t count)
{
    put(output, name, json_integer((json_int_t)count));
}

void output_number(struct output *output, const char *name, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    output_text(output, name, text);
}

void output_signed(struct output *output, const char *name, int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, number);
    output_text(output, name, text);
}

void output_decimal(struct output *output, const char *name, int64_t value, unsigned digits,
                    unsigned least)
{
    char text[DECIMAL_SIZE];
    output_text(output, name, decimal_format(text, value, digits, least));
}

void output_money(struct output *output, const char *name, int64_t micros)
{
    output_decimal(output, name, micros, 6, 2);
}

void output_flag(struct output *output, const char *name, bool flag)
{
    put(output, name, json_boolean(flag));
}

void output_none(struct output *output, const char *name)
{
    put(output, name, json_null());
}

void output_hex(struct output *output, const char *name, const uint8_t *bytes, uint32_t count)
{
    char text[2 * HEX_COUNT_MAX + 3] = "0x";
    TN_ASSERT(count <= HEX_COUNT_MAX);
    tn_hex_write(text + 2, bytes, count);
    output_text(output, name, text);
}

const char *output_time_text(char out[OUTPUT_TIME_SIZE], int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    if (time_ms < 0 || gmtime_r(&seconds, &parts) == NULL || parts.tm_year > 8099) {
        snprintf(out, OUTPUT_TIME_SIZE, "%" PRId64 " ms", time_ms);
        return out;
    }
    size_t length = strftime(out, OUTPUT_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &parts);
    if (time_ms % 1000 != 0) {
        snprintf(out + length, OUTPUT_TIME_SIZE - length, ".%03dZ", (int)(time_ms % 1000));
    } else {
        snprintf(out + length, OUTPUT_TIME_SIZE - length, "Z");
    }
    return out;
}

void output_time(struct output *output, const char *name, int64_t time_ms)
{
    char text[OUTPUT_TIME_SIZE];
    output_text(output, name, output_time_text(text, time_ms));
}

/* ---- Tables -----------------------------------------------------------------------------------
 */

void output_table(struct output *output, const char *name, const char *columns)
{
    output->columns_count = 0;
    while (*columns != '\0') {
        size_t length = strcspn(columns, "#? ");
        struct column *column = &output->columns[output->columns_count++];
        TN_ASSERT(length > 0 && length < NAME_SIZE && output->columns_count < OUTPUT_COLUMNS_MAX);
        *column = (struct column){.is_number = columns[length] == '#'};
        memcpy(column->name, columns, length);
        for (columns += length; *columns != ' ' && *columns != '\0'; columns++)
            column->spare += *columns == '?';
        columns += *columns == ' ';
    }
    json_t *table = json_array();
    output->row = NULL;
    put(output, name, table);
    output->table = output->failed ? NULL : table;
}

static bool has_column(const struct output *output, const char *name)
{
    for (uint32_t i = 0; i < output->columns_count; i++) {
        if (strcmp(output->columns[i].name, name) == 0) return true;
    }
    return false;
}

/* Each row has all columns, in their order, and no others: whoever reads the JSON need not ask. */
static void end_row(struct output *output)
{
    const char *name;
    json_t *value, *row = output->row;
    if (row == NULL) return;
    output->row = NULL;
    json_object_foreach(row, name, value) TN_ASSERT(has_column(output, name));
    json_t *whole = json_object();
    for (uint32_t i = 0; i < output->columns_count && whole != NULL; i++) {
        value = json_object_get(row, output->columns[i].name);
        value = value == NULL ? json_null() : json_incref(value);
        if (json_object_set_new(whole, output->columns[i].name, value) != 0) output->failed = true;
    }
    size_t last = json_array_size(output->table) - 1;
    if (whole == NULL || json_array_set_new(output->table, last, whole) != 0) output->failed = true;
}

void output_row(struct output *output)
{
    end_row(output);
    json_t *row = json_object();
    if (row == NULL || output->table == NULL || json_array_append_new(output->table, row) != 0) {
        output->failed = true;
        return;
    }
    output->row = row;
}

/* What people see of a value. */
static const char *shown(char out[DECIMAL_SIZE], const json_t *value)
{
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_boolean(value)) return json_is_true(value) ? "yes" : "no";
    if (!json_is_integer(value)) return "-";
    snprintf(out, DECIMAL_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return out;
}

/* A name as people see it: "_" is a blank. Returns how many columns it took. */
static int print_name(FILE *out, const char *name, bool is_upper)
{
    int length = 0;
    for (; name[length] != '\0'; length++) {
        char c = name[length];
        if (c == '_') c = ' ';
        if (is_upper && c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        fputc(c, out);
    }
    return length;
}

static void print_cell(struct output *output, const struct column *column, const char *text,
                       bool is_name, bool is_last)
{
    int length = (int)strlen(text);
    int gap = column->width > length ? column->width - length : 0;
    if (column->is_number) fprintf(output->out, "%*s", gap, "");
    if (is_name)
        print_name(output->out, text, true);
    else
        fputs(text, output->out);
    if (!column->is_number && !is_last) fprintf(output->out, "%*s", gap, "");
    fputs(is_last ? "\n" : "  ", output->out);
}

static void measure(struct output *output, const json_t *table)
{
    char text[DECIMAL_SIZE];
    for (uint32_t i = 0; i < output->columns_count; i++) {
        struct column *column = &output->columns[i];
        column->width = (int)strlen(column->name);
        for (size_t row = 0; row < json_array_size(table); row++) {
            const json_t *value = json_object_get(json_array_get(table, row), column->name);
            int length = (int)strlen(shown(text, value));
            if (length > column->width) column->width = length;
        }
    }
}

/* Hides spare columns, from the right, until a line has room; those of the second kind together. */
static void hide(struct output *output)
{
    int width = -2;
    for (uint32_t i = 0; i < output->columns_count; i++)
        width += output->columns[i].width + 2;
    for (int spare = 1; spare <= 2 && output->room > 0 && width > output->room; spare++) {
        for (uint32_t i = output->columns_count; i > 0; i--) {
            struct column *column = &output->columns[i - 1];
            if (column->spare != spare || (spare == 1 && width <= output->room)) continue;
            column->is_hidden = true;
            width -= column->width + 2;
        }
    }
}

static void print_hidden(struct output *output)
{
    const char *before = "hidden: ";
    for (uint32_t i = 0; i < output->columns_count; i++) {
        if (!output->columns[i].is_hidden) continue;
        fputs(before, output->out);
        print_name(output->out, output->columns[i].name, false);
        before = ", ";
    }
    if (before[0] == ',') fputs("; -o json\n", output->out);
}

static void print_table(struct output *output, const json_t *table)
{
    char text[DECIMAL_SIZE];
    uint32_t last = 0;
    measure(output, table);
    hide(output);
    for (uint32_t i = 0; i < output->columns_count; i++)
        if (!output->columns[i].is_hidden) last = i;
    for (uint32_t i = 0; i <= last; i++) {
        if (output->columns[i].is_hidden) continue;
        print_cell(output, &output->columns[i], output->columns[i].name, true, i == last);
    }
    for (size_t row = 0; row < json_array_size(table); row++) {
        const json_t *object = json_array_get(table, row);
        for (uint32_t i = 0; i <= last; i++) {
            if (output->columns[i].is_hidden) continue;
            const json_t *value = json_object_get(object, output->columns[i].name);
            print_cell(output, &output->columns[i], shown(text, value), false, i == last);
        }
    }
    print_hidden(output);
}

static void print_fields(struct output *output)
{
    const char *name;
    json_t *value;
    char text[DECIMAL_SIZE];
    json_object_foreach(output->root, name, value)
    {
        if (json_is_array(value)) continue;
        int length = print_name(output->out, name, false);
        fprintf(output->out, "%*s  %s\n", length < NAME_WIDTH ? NAME_WIDTH - length : 0, "",
                shown(text, value));
    }
}

void output_table_end(struct output *output)
{
    end_row(output);
    json_t *table = output->table;
    output->table = NULL;
    if (output->format == FORMAT_JSON || output->failed || output->stream) return;
    /* The columns are known now: what is gathered so far is printed and let go. */
    print_fields(output);
    if (json_object_size(output->root) > 1) fputc('\n', output->out);
    if (json_array_size(table) == 0) {
        fputs("(none)\n", output->out);
    } else {
        print_table(output, table);
    }
    json_object_clear(output->root);
}

/* ---- Ends -------------------------------------------------------------------------------------
 */

void output_line(struct output *output)
{
    const char *name;
    json_t *value;
    char text[DECIMAL_SIZE];
    if (output->format == FORMAT_JSON) {
        if (json_dumpf(output->root, output->out, JSON_COMPACT) != 0) output->failed = true;
    } else {
        bool is_first = true;
        json_object_foreach(output->root, name, value)
        {
            fprintf(output->out, "%s%s=%s", is_first ? "" : " ", name, shown(text, value));
            is_first = false;
        }
    }
    fputc('\n', output->out);
    fflush(output->out);
    if (ferror(output->out) && output->fault == 0) output->fault = errno;
    json_object_clear(output->root);
}

bool output_is_broken(const struct output *output)
{
    return output->fault != 0 || command_reader_has_gone(output->out);
}

bool output_is_empty(const struct output *output)
{
    return !output->failed && json_object_size(output->root) == 0;
}

int output_end(struct output *output, FILE *err)
{
    if (output == NULL || output->failed) {
        fprintf(err, "tenor: out of memory\n");
        output_free(output);
        return END_FAILED;
    }
    FILE *out = output->out;
    if (output->format == FORMAT_TABLE) {
        print_fields(output);
    } else if (!output->stream) {
        if (json_dumpf(output->root, out, JSON_INDENT(2)) == 0) fputc('\n', out);
    }
    int fault = output->fault;
    output_free(output);
    if (fault != 0) errno = fault;
    return command_flush(out, err);
}
