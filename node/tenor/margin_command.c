/* tenor margin: a portfolio file in, what the exchange would say out.
 *
 * All arithmetic is in whatif, pricing and margin; here is only reading and printing. */
#include "report.h"
#include "subcommand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: tenor margin --file PORTFOLIO.json [-o table|json]\n"
    "       tenor margin --parameters [-o table|json]\n"
    "\n"
    "  --file FILE    the portfolio, its market and the time; - for standard input\n"
    "  --table        aligned tables (the default); the same as -o table\n"
    "  --json         the same as -o json; every amount is a string with an exact decimal\n"
    "  --parameters   every parameter that a file may override, and the standard scenarios\n"
    "\n"
    "The file's format is in docs/what-if.md. Ends with 2 when it is refused.\n";

struct options {
    const char *path;
    enum format format;
    bool parameters, help;
};

static bool read_options(struct options *options, int count, char **arguments)
{
    for (int i = 0; i < count; i++) {
        const char *argument = arguments[i];
        if (strcmp(argument, "--file") == 0 && i + 1 < count) {
            options->path = arguments[++i];
        } else if (strcmp(argument, "--json") == 0) {
            options->format = FORMAT_JSON;
        } else if (strcmp(argument, "-o") == 0) {
            if (!command_format(&options->format, i + 1 < count ? arguments[++i] : NULL,
                                "margin")) {
                return false;
            }
        } else if (strcmp(argument, "--table") == 0) {
            options->format = FORMAT_TABLE;
        } else if (strcmp(argument, "--parameters") == 0) {
            options->parameters = true;
        } else if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            options->help = true;
        } else {
            const char *what =
                strcmp(argument, "--file") == 0 ? "an option without its value" : "unknown option";
            fprintf(stderr, "tenor margin: %s '%s'; see tenor margin --help\n", what, argument);
            return false;
        }
    }
    return true;
}

static int evaluate(FILE *out, FILE *err, struct reader *reader, struct portfolio *portfolio,
                    enum format format)
{
    struct tn_whatif_result result;
    struct tn_whatif_fault fault = {.kind = TN_WHATIF_FAULT_COUNT};
    size_t size = tn_whatif_size(&portfolio->whatif);
    void *memory = size == 0 ? NULL : aligned_alloc(64, size);
    if (size > 0 && memory == NULL) {
        fprintf(err, "tenor: out of memory\n");
        return END_FAILED;
    }
    int end = END_REFUSED;
    if (size == 0 || !tn_whatif_evaluate(&result, &fault, memory, &portfolio->whatif)) {
        portfolio_blame(portfolio, reader, &fault);
    } else if (format == FORMAT_JSON) {
        end = command_print_json(out, err, report_json(portfolio, &result));
    } else {
        report_table(out, portfolio, &result);
        end = command_flush(out, err);
    }
    free(memory);
    return end;
}

int margin_answer(FILE *out, FILE *err, const char *name, const char *bytes, size_t size,
                  enum format format)
{
    struct reader reader;
    json_t *root = reader_load(&reader, bytes, size);
    struct portfolio *portfolio = root == NULL ? NULL : calloc(1, sizeof *portfolio);
    int end = END_REFUSED;
    if (portfolio != NULL) {
        portfolio_read(portfolio, &reader, root);
        if (!reader.failed) end = evaluate(out, err, &reader, portfolio, format);
    } else if (root != NULL) {
        fprintf(err, "tenor: out of memory\n");
        end = END_FAILED;
    }
    if (reader.failed) fprintf(err, "%s: %s\n", name, reader.problem);
    free(portfolio);
    json_decref(root);
    return end;
}

static int print_parameters(enum format format)
{
    if (format == FORMAT_JSON) return command_print_json(stdout, stderr, report_parameters_json());
    report_parameters_table(stdout);
    return command_flush(stdout, stderr);
}

int margin_command(int arguments_count, char **arguments)
{
    struct options options = {.format = FORMAT_TABLE};
    if (!read_options(&options, arguments_count, arguments)) return END_REFUSED;
    if (options.help) {
        fputs(help, stdout);
        return command_flush(stdout, stderr);
    }
    if (options.parameters == (options.path != NULL)) {
        fprintf(stderr, "tenor margin: give either --file or --parameters; see tenor margin "
                        "--help\n");
        return END_REFUSED;
    }
    if (options.parameters) return print_parameters(options.format);
    if (!tn_pricing_self_check(TN_CPU_BASE)) {
        fprintf(stderr, "tenor: this machine's floating point is not IEEE-754 to nearest\n");
        return END_FAILED;
    }
    size_t size;
    char *bytes = command_file(&size, options.path);
    if (bytes == NULL) return command_end_of(errno);
    int end = margin_answer(stdout, stderr, options.path, bytes, size, options.format);
    free(bytes);
    return end;
}
