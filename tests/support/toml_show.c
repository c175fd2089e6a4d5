/* toml_show: what the node's TOML reader makes of documents, for a test that compares it with
 * another reader. Standard input: size u32 big-endian, then the document, again and again. One line
 * for each: a tagged JSON value, or "refused LINE COLUMN why". */
#include "settings/toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const struct toml_document *document, const struct toml_value *value);

static void show_text(const struct toml_text *text)
{
    putchar('"');
    for (uint32_t i = 0; i < text->size; i++) {
        unsigned char c = (unsigned char)text->bytes[i];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void show_date(const struct toml_date *date)
{
    fputs("[\"date\",\"", stdout);
    if (date->has_date) printf("%04u-%02u-%02u", date->year, date->month, date->day);
    if (date->has_date && date->has_time) putchar('T');
    if (date->has_time) {
        printf("%02u:%02u:%02u.%06u", date->hour, date->minute, date->second, date->micros);
    }
    if (date->has_offset) printf("%+d", date->offset_minutes);
    fputs("\"]", stdout);
}

static void show_children(const struct toml_document *document, const struct toml_value *parent)
{
    const struct toml_value *child = toml_first(document, parent);
    for (; child != NULL; child = toml_next(document, child)) {
        if (parent->kind == TOML_TABLE) {
            show_text(&child->key);
            putchar(':');
        }
        show(document, child);
        if (child->next != 0) putchar(',');
    }
}

static void show(const struct toml_document *document, const struct toml_value *value)
{
    uint64_t bits;
    switch (value->kind) {
        case TOML_TABLE:
            putchar('{');
            show_children(document, value);
            putchar('}');
            return;
        case TOML_ARRAY:
            fputs("[\"list\"", stdout);
            if (value->first != 0) putchar(',');
            show_children(document, value);
            putchar(']');
            return;
        case TOML_STRING: show_text(&value->as.text); return;
        case TOML_INTEGER: printf("[\"integer\",\"%lld\"]", (long long)value->as.integer); return;
        case TOML_FLOAT:
            memcpy(&bits, &value->as.real, sizeof bits);
            if (value->as.real != value->as.real) bits = 0x7ff8000000000000;
            printf("[\"float\",\"%016llx\"]", (unsigned long long)bits);
            return;
        case TOML_BOOL: fputs(value->as.truth ? "true" : "false", stdout); return;
        case TOML_DATE: show_date(&value->as.date); return;
    }
}

int main(void)
{
    unsigned char head[4];
    while (fread(head, 1, sizeof head, stdin) == sizeof head) {
        size_t size =
            (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        char *source = malloc(size + 1);
        struct toml_document document;
        struct toml_fault fault;
        if (source == NULL || fread(source, 1, size, stdin) != size) return 1;
        if (toml_read(&document, &fault, source, size)) {
            show(&document, &document.values[0]);
            toml_free(&document);
        } else {
            printf("refused %u %u %s", fault.line, fault.column, fault.text);
        }
        putchar('\n');
        free(source);
    }
    return 0;
}
