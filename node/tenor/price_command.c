/* tenor price: one option, or a list of them: price and greeks from a volatility, or the volatility
 * from a price.
 *
 * Flags are turned into the same JSON object that a file holds, so there is one reader, one set of
 * bounds and one wording of what is wrong. */
#include "decimal.h"
#include "portfolio.h"
#include "subcommand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: tenor price --kind call|put --strike K --forward F --left-ms MS\n"
    "                   (--vol SIGMA | --price P) [--rate R] [-o table|json]\n"
    "       tenor price --series NAME --now TIME --forward F (--vol SIGMA | --price P) [...]\n"
    "       tenor price --file OPTIONS.json [-o table|json]\n"
    "\n"
    "  --series NAME  BTC-25DEC26-100000-C: kind, strike and expiry in one, with --now\n"
    "  --now TIME     2026-11-20T12:00:00Z, or unix milliseconds\n"
    "  --left-ms MS   milliseconds to expiry\n"
    "  --vol SIGMA    0.55 is 55 %; gives the price and the greeks\n"
    "  --price P      of one unit; gives the implied volatility, and the greeks there\n"
    "  --rate R       per year, 0 when left out\n"
    "  --file FILE    the same fields as JSON, or {\"options\": [...]}; - for standard input\n"
    "  --table        aligned, the default; the same as -o table\n"
    "  --json         the same as -o json\n"
    "\n"
    "docs/what-if.md tells the fields and units. Ends with 2 when the input is refused.\n";

static const char *const fields[] = {"series",  "now", "kind",  "strike", "forward",
                                     "left_ms", "vol", "price", "rate"};
static const char *const list_fields[] = {"options"};
static const char *const kind_words[] = {"call", "put"};

#define OPTIONS_MAX  4096
#define LEFT_MOST_MS (INT64_C(1) << 40)
#define VOL_MOST_PPB INT64_C(1000000000000)
#define ONE_PPB      INT64_C(1000000000)

/* ---- Reading ---- */

static bool parse_series(uint64_t *id, const char *name)
{
    char symbol[1][TN_SYMBOL_SIZE] = {""};
    size_t length = strcspn(name, "-");
    if (length >= TN_SYMBOL_SIZE) return false;
    memcpy(symbol[0], name, length);
    if (!tn_symbol_valid(symbol[0])) return false;
    return tn_series_name_parse(id, name, (const char(*)[TN_SYMBOL_SIZE])symbol, 1) &&
           tn_series_is_option(*id);
}

static void forbid(struct reader *reader, const struct node *node, const char *beside)
{
    if (node->value == NULL) return;
    reader_fail(reader, node, "stands beside %s, which tells the same; leave one out", beside);
}

/* Kind, strike and time left from the series' name. */
static void read_named(struct tn_option *option, struct reader *reader, const struct node *node)
{
    struct node series = reader_member(node, "series"), kind = reader_member(node, "kind");
    struct node strike = reader_member(node, "strike"), left = reader_member(node, "left_ms");
    struct node now = reader_needed(reader, node, "now", "the time to price at");
    forbid(reader, &kind, "series");
    forbid(reader, &strike, "series");
    forbid(reader, &left, "series");
    const char *name = reader_text(reader, &series);
    int64_t now_ms = reader_time_ms(reader, &now);
    uint64_t id;
    if (reader->failed) return;
    if (!parse_series(&id, name)) {
        reader_fail(reader, &series,
                    "\"%.60s\" is not an option; write it like \"BTC-25DEC26-100000-C\"", name);
        return;
    }
    option->is_put = tn_series_kind(id) == TN_PUT;
    option->strike_micros = (tn_micros)tn_series_strike(id) * TN_MICROS_PER_STRIKE_UNIT;
    option->left_ms = tn_series_expiry_ms(id) - now_ms;
    if (option->left_ms < 1) {
        reader_fail(reader, &series,
                    "expired at 08:00 UTC of that day, which is not after `now`; "
                    "give an earlier `now`");
    } else if (option->left_ms > LEFT_MOST_MS) {
        reader_fail(reader, &series, "is more than 34 years away; give a later `now`");
    }
}

static void read_terms(struct tn_option *option, struct reader *reader, const struct node *node)
{
    struct node now = reader_member(node, "now");
    struct node kind = reader_needed(reader, node, "kind", "\"call\" or \"put\", or a series");
    struct node strike = reader_needed(reader, node, "strike", "it, of one unit, or a series");
    struct node left =
        reader_needed(reader, node, "left_ms", "the milliseconds to expiry, or a series");
    forbid(reader, &now, "left_ms");
    option->is_put = reader_choice(reader, &kind, WORDS(kind_words)) == 1;
    option->strike_micros =
        reader_decimal(reader, &strike, DIGITS_MONEY, 0, TN_VALUE_UNIT_MICROS_MAX);
    option->left_ms = reader_decimal(reader, &left, 0, 0, LEFT_MOST_MS);
}

static void imply_vol(struct tn_option *option, struct reader *reader, const struct node *price)
{
    int64_t wanted = reader_decimal(reader, price, DIGITS_MONEY, 0, TN_VALUE_UNIT_MICROS_MAX);
    if (reader->failed || tn_pricing_implied_vol(&option->vol_ppb, wanted, option)) return;
    struct tn_option least = *option;
    char text[DECIMAL_SIZE];
    least.vol_ppb = 0;
    decimal_format(text, tn_pricing_price(&least), DIGITS_MONEY, 0);
    reader_fail(reader, price,
                "no volatility gives it; it must be above %s, what it is worth without any, below "
                "its upper bound, and time must be left",
                text);
}

static void read_option(struct tn_option *option, struct reader *reader, const struct node *node)
{
    *option = (struct tn_option){.vol_ppb = 0};
    if (!reader_object(reader, node, WORDS(fields))) return;
    struct node series = reader_member(node, "series"), vol = reader_member(node, "vol");
    struct node price = reader_member(node, "price"), rate = reader_member(node, "rate");
    if (series.value != NULL)
        read_named(option, reader, node);
    else
        read_terms(option, reader, node);
    struct node forward = reader_needed(reader, node, "forward", "the forward price of one unit");
    option->forward_micros =
        reader_decimal(reader, &forward, DIGITS_MONEY, 0, TN_VALUE_UNIT_MICROS_MAX);
    option->rate_ppb = reader_decimal_or(reader, &rate, DIGITS_PPB, -ONE_PPB, ONE_PPB, 0);
    if (vol.value != NULL) forbid(reader, &price, "vol");
    if (vol.value == NULL && price.value == NULL) {
        reader_fail(reader, &vol, "is missing; give it, or a price to imply it from");
    } else if (vol.value != NULL) {
        option->vol_ppb = reader_decimal(reader, &vol, DIGITS_PPB, 0, VOL_MOST_PPB);
    } else {
        imply_vol(option, reader, &price);
    }
}

/* ---- Printing ---- */

struct figure {
    const char *name;
    int64_t value;
    unsigned digits;
    unsigned table_digits;
};
#define FIGURES_COUNT 14

/* Everything that is printed of an option, in one list for both formats. */
static void list_figures(struct figure figures[FIGURES_COUNT], const struct tn_option *option)
{
    struct tn_greeks greeks;
    tn_pricing_greeks(&greeks, option);
    const struct figure list[FIGURES_COUNT] = {
        {"strike", option->strike_micros, 6, 6}, {"forward", option->forward_micros, 6, 6},
        {"left_ms", option->left_ms, 0, 0},      {"rate", option->rate_ppb, 9, 9},
        {"vol", option->vol_ppb, 9, 9},          {"price", greeks.price_micros, 6, 6},
        {"delta", greeks.delta_ppb, 9, 9},       {"delta_premium", greeks.delta_premium_ppb, 9, 9},
        {"gamma", greeks.gamma_e12, 12, 12},     {"vega", greeks.vega_micros, 6, 6},
        {"theta", greeks.theta_micros, 6, 6},    {"rho", greeks.rho_micros, 6, 6},
        {"vanna", greeks.vanna_ppb, 9, 9},       {"volga", greeks.volga_micros, 6, 6},
    };
    memcpy(figures, list, sizeof list);
}

static json_t *option_json(const struct tn_option *option)
{
    struct figure figures[FIGURES_COUNT];
    char text[DECIMAL_SIZE];
    json_t *out = json_object();
    list_figures(figures, option);
    (void)json_object_set_new(out, "kind", json_string(kind_words[option->is_put]));
    for (size_t i = 0; i < FIGURES_COUNT; i++) {
        decimal_format(text, figures[i].value, figures[i].digits, 0);
        (void)json_object_set_new(out, figures[i].name, json_string(text));
    }
    return out;
}

static void print_option(FILE *out, const struct tn_option *option)
{
    struct figure figures[FIGURES_COUNT];
    char text[DECIMAL_SIZE];
    list_figures(figures, option);
    fprintf(out, "%-14s %24s\n", "kind", kind_words[option->is_put]);
    for (size_t i = 0; i < FIGURES_COUNT; i++) {
        decimal_format(text, figures[i].value, figures[i].digits, figures[i].table_digits);
        fprintf(out, "%-14s %24s\n", figures[i].name, text);
    }
}

/* ---- The command ---- */

static int answer_list(FILE *out, FILE *err, struct reader *reader, const struct node *list,
                       enum format format)
{
    size_t count = reader_array(reader, list, OPTIONS_MAX);
    struct tn_option *options = calloc(count + 1, sizeof *options);
    int end = END_FAILED;
    for (size_t i = 0; options != NULL && i < count && !reader->failed; i++) {
        struct node node = reader_element(list, i);
        read_option(&options[i], reader, &node);
    }
    if (options == NULL) {
        fprintf(err, "tenor: out of memory\n");
    } else if (reader->failed) {
        end = END_REFUSED;
    } else if (format == FORMAT_JSON) {
        json_t *all = json_array(), *root = json_object();
        for (size_t i = 0; i < count; i++) {
            (void)json_array_append_new(all, option_json(&options[i]));
        }
        (void)json_object_set_new(root, "options", all);
        end = command_print_json(out, err, root);
    } else {
        for (size_t i = 0; i < count; i++) {
            if (i > 0) fputc('\n', out);
            print_option(out, &options[i]);
        }
        end = command_flush(out, err);
    }
    free(options);
    return end;
}

static int answer(FILE *out, FILE *err, const char *name, struct reader *reader, json_t *root,
                  enum format format)
{
    struct node document = {.value = root};
    struct node list = reader_member(&document, "options");
    struct tn_option option;
    int end = END_REFUSED;
    if (list.value != NULL) {
        if (reader_object(reader, &document, WORDS(list_fields))) {
            end = answer_list(out, err, reader, &list, format);
        }
    } else {
        read_option(&option, reader, &document);
        if (!reader->failed && format == FORMAT_JSON) {
            end = command_print_json(out, err, option_json(&option));
        } else if (!reader->failed) {
            print_option(out, &option);
            end = command_flush(out, err);
        }
    }
    if (reader->failed) fprintf(err, "%s: %s\n", name, reader->problem);
    return end;
}

int price_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                 enum format format)
{
    struct reader reader;
    json_t *root = reader_load(&reader, bytes, size);
    if (root == NULL) {
        fprintf(err, "%s: %s\n", name, reader.problem);
        return END_REFUSED;
    }
    int end = answer(out, err, name, &reader, root, format);
    json_decref(root);
    return end;
}

/* A flag like --left-ms sets the field left_ms. False after a complaint. */
static bool take_flag(json_t *root, const char *flag, const char *value)
{
    char field[16] = "";
    size_t length = strlen(flag);
    if (length > 2 && length < sizeof field && strncmp(flag, "--", 2) == 0) {
        for (size_t i = 2; i <= length; i++)
            field[i - 2] = flag[i] == '-' ? '_' : flag[i];
    }
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcmp(field, fields[i]) != 0) continue;
        if (value == NULL) {
            fprintf(stderr,
                    "tenor price: an option without its value '%s'; see tenor price "
                    "--help\n",
                    flag);
            return false;
        }
        if (json_object_get(root, field) != NULL) {
            fprintf(stderr, "tenor price: '%s' is given twice\n", flag);
            return false;
        }
        json_t *text = json_string(value);
        if (text == NULL) fprintf(stderr, "tenor price: '%s' is not UTF-8\n", flag);
        return text != NULL && json_object_set_new(root, field, text) == 0;
    }
    fprintf(stderr, "tenor price: unknown option '%s'; see tenor price --help\n", flag);
    return false;
}

struct options {
    const char *path;
    enum format format;
    bool help;
};

static bool read_options(struct options *options, json_t *root, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i], *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(argument, "--json") == 0) {
            options->format = FORMAT_JSON;
        } else if (strcmp(argument, "-o") == 0) {
            if (!command_format(&options->format, value, "price")) return false;
            i++;
        } else if (strcmp(argument, "--table") == 0) {
            options->format = FORMAT_TABLE;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            options->help = true;
        } else if (strcmp(argument, "--file") == 0 && value != NULL) {
            options->path = value;
            i++;
        } else {
            if (!take_flag(root, argument, value)) return false;
            i++;
        }
    }
    return true;
}

static int run(const struct options *options, json_t *root)
{
    if (options->path == NULL) {
        struct reader reader = {.failed = false};
        struct node now = {.key = "now", .value = json_object_get(root, "now")};
        int64_t time_ms;
        const char *text = json_string_value(now.value);
        /* Unix milliseconds are a number in a file, and digits on the command line. */
        if (text != NULL && decimal_parse(&time_ms, text, 0, false) == DECIMAL_GOOD) {
            (void)json_object_set_new(root, "now", json_integer(time_ms));
        }
        return answer(stdout, stderr, "tenor price", &reader, root, options->format);
    }
    if (json_object_size(root) != 0) {
        fprintf(stderr, "tenor price: --file tells all; leave the other options out\n");
        return END_REFUSED;
    }
    size_t size;
    char *bytes = command_file(&size, options->path);
    if (bytes == NULL) return command_end_of(errno);
    int end = price_answer(stdout, stderr, options->path, bytes, size, options->format);
    free(bytes);
    return end;
}

int price_command(int arguments_count, char **arguments)
{
    struct options options = {.format = FORMAT_TABLE};
    json_t *root = json_object();
    int end = END_REFUSED;
    if (!tn_pricing_self_check(TN_CPU_BASE)) {
        fprintf(stderr, "tenor: this machine's floating point is not IEEE-754 to nearest\n");
        end = END_FAILED;
    } else if (read_options(&options, root, arguments_count, arguments)) {
        if (options.help) {
            fputs(help, stdout);
            end = command_flush(stdout, stderr);
        } else {
            end = run(&options, root);
        }
    }
    json_decref(root);
    return end;
}
