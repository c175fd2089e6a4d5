/* A fuzzer's bytes as files of `tenor margin` and `tenor price`: each is answered or refused, and
 * said so on the right stream; nothing that a file may hold is a bug.
 *
 * Bytes that begin with '{' are the file. Any other bytes are edits of a good portfolio, three
 * bytes each: which value, and what stands there instead. So most inputs get far beyond the parser.
 */
#include "subcommand.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EDIT_BYTES 3
#define EDITS_MAX  6

static const char template[] =
    "{\"now\":\"2026-11-20T12:00:00Z\",\"model\":\"portfolio\",\"cash\":\"60000\",\"stable\":\"1\","
    "\"parameters\":{\"im_factor_ppm\":1000000,\"settlement_window_ms\":1800000,\"mm_factor_ppm\":"
    "800000,\"long_ppm\":950000,\"short_ppm\":1040000,\"confidence_slope_ppm\":1000000},"
    "\"scenarios\":[{\"move\":\"0.18\",\"vol\":\"up\"},{\"kind\":\"linear\",\"move\":\"0\"},"
    "{\"move\":\"5\",\"vol\":\"down\",\"damping\":\"0.02772\"},{\"move\":\"-1\"}],"
    "\"underlyings\":{\"BTC\":{\"spot\":\"100000\",\"option_lot\":\"0.1\",\"linear_lot\":\"0.001\","
    "\"perpetual_mark\":\"100050\",\"lambda\":{\"open_interest\":\"500000000\",\"share\":\"0.3\"},"
    "\"confidence\":\"0.5\",\"expiries\":{"
    "\"21NOV26\":{\"forward\":\"100010\",\"fixed\":\"0\",\"rate\":\"0.04\",\"confidence\":\"0.4\","
    "\"vols\":{\"100000\":\"0.5\"}},"
    "\"25DEC26\":{\"forward\":\"100600\",\"surface\":{\"a\":\"0.01\",\"b\":\"0.08\",\"rho\":\"-0."
    "3\","
    "\"m\":\"0.02\",\"sigma\":\"0.15\",\"forward\":\"100500\",\"left_ms\":3100000000}}}},"
    "\"ETH\":{\"spot\":\"4000\",\"linear_lot\":\"0.01\",\"perpetual_mark\":\"4001\","
    "\"lambda\":\"1.5\"}},"
    "\"collateral\":[{\"asset\":\"BTC\",\"balance\":\"0.25\",\"price\":\"100000\",\"mm_haircut\":"
    "\"0.05\",\"im_haircut\":\"0.05\",\"confidence\":\"0.3\",\"moves_with\":\"BTC\"}],"
    "\"positions\":[{\"series\":\"BTC-PERP\",\"quantity\":\"0.5\",\"unrealised\":\"1200.25\","
    "\"funding\":\"-3.5\"},{\"series\":\"BTC-25DEC26\",\"quantity\":\"-0.25\",\"unrealised\":"
    "\"80\"},"
    "{\"series\":\"BTC-21NOV26-100000-P\",\"quantity\":\"-2\"},"
    "{\"series\":\"BTC-25DEC26-100000-C\",\"quantity\":\"1\"},"
    "{\"series\":\"BTC-25DEC26-120000-C\",\"quantity\":\"-3\"},"
    "{\"series\":\"ETH-PERP\",\"quantity\":\"-3\",\"unrealised\":\"0\",\"funding\":\"0\"}],"
    "\"groups\":{\"maker\":{\"quantity_limit_lots\":20}},"
    "\"orders\":[{\"series\":\"BTC-25DEC26-100000-C\",\"side\":\"buy\",\"quantity\":\"1\","
    "\"price\":"
    "\"6400\",\"fee\":\"12.5\",\"group\":\"maker\"},{\"series\":\"BTC-21NOV26-100000-C\",\"side\":"
    "\"sell\",\"quantity\":\"0.5\",\"price\":\"2800\",\"group\":\"maker\"},{\"series\":\"ETH-"
    "PERP\","
    "\"side\":\"sell\",\"quantity\":\"2\",\"price\":\"4100\"}]}";

/* Each a JSON text; the last six stand for what edits of this kind need most: other good values. */
static const char *const values[] = {"\"0\"",
                                     "\"-1\"",
                                     "\"1\"",
                                     "\"0.000001\"",
                                     "\"0.000000001\"",
                                     "\"1000000\"",
                                     "\"281474976710656\"",
                                     "\"1125899906.842624\"",
                                     "\"72057594037\"",
                                     "\"9223372036854775807\"",
                                     "9223372036854775807",
                                     "0",
                                     "1",
                                     "1e-6",
                                     "0.1",
                                     "1e99",
                                     "4294967296",
                                     "1048576",
                                     "null",
                                     "true",
                                     "[]",
                                     "{}",
                                     "\"\"",
                                     "\"NaN\"",
                                     "\"standard\"",
                                     "\"abs\"",
                                     "\"2026-12-25T07:59:59.999Z\"",
                                     "\"2026-11-21T07:45:00Z\"",
                                     "1798761600000",
                                     "\"BTC-25DEC26-60000-P\"",
                                     "\"BTC-21NOV26-100000-C\"",
                                     "\"ETH\"",
                                     "\"sell\"",
                                     "\"0.5\"",
                                     "\"12\""};
#define VALUES_COUNT (sizeof values / sizeof values[0])

/* Replaces (or drops) the value number *left below `parent`, counted depth first. */
static void edit(json_t *parent, size_t *left, json_t *value, bool *done)
{
    const char *key;
    json_t *child;
    size_t index;
    void *next;
    if (json_is_object(parent)) {
        json_object_foreach_safe(parent, next, key, child)
        {
            if (*done) return;
            if ((*left)-- == 0) {
                *done = true;
                if (value == NULL)
                    (void)json_object_del(parent, key);
                else
                    (void)json_object_set(parent, key, value);
                return;
            }
            edit(child, left, value, done);
        }
    }
    json_array_foreach(parent, index, child)
    {
        if (*done) return;
        if ((*left)-- == 0) {
            *done = true;
            if (value == NULL)
                (void)json_array_remove(parent, index);
            else
                (void)json_array_set(parent, index, value);
            return;
        }
        edit(child, left, value, done);
    }
}

static char *edited(const uint8_t *data, size_t size)
{
    json_t *root = json_loads(template, 0, NULL);
    if (root == NULL) abort();
    for (size_t at = 0; at + EDIT_BYTES <= size && at < (size_t)EDITS_MAX * EDIT_BYTES;
         at += EDIT_BYTES) {
        size_t left = (size_t)data[at] + (size_t)(data[at + 1] % 2) * 256, pick = data[at + 2];
        bool done = false;
        json_t *value = pick % (VALUES_COUNT + 1) == VALUES_COUNT
                            ? NULL
                            : json_loads(values[pick % (VALUES_COUNT + 1)], JSON_DECODE_ANY, NULL);
        edit(root, &left, value, &done);
        json_decref(value);
    }
    char *text = json_dumps(root, 0);
    json_decref(root);
    return text;
}

typedef int answer_function(FILE *, FILE *, const char *, const char *, size_t, enum format);

/* Answered on `out`, or refused on `err` with a place; never both. */
static int answer(answer_function *function, const char *bytes, size_t size, enum format format)
{
    char *out_text = NULL, *err_text = NULL;
    size_t out_size = 0, err_size = 0;
    FILE *out = open_memstream(&out_text, &out_size), *err = open_memstream(&err_text, &err_size);
    if (out == NULL || err == NULL) abort();
    int end = function(out, err, "file", bytes, size, format);
    fclose(out);
    fclose(err);
    if (end == END_GOOD) {
        if (err_size != 0) abort();
    } else {
        if (end != END_REFUSED || out_size != 0) abort();
        if (strncmp(err_text, "file: ", 6) != 0 || err_text[err_size - 1] != '\n') abort();
    }
    free(out_text);
    free(err_text);
    return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = NULL;
    bool unedited = size < EDIT_BYTES;
    if (unedited || data[0] != '{') {
        text = edited(data, size);
        if (text == NULL) abort();
    }
    const char *bytes = text == NULL ? (const char *)data : text;
    if (text != NULL) size = strlen(text);
    if (answer(margin_answer, bytes, size, FORMAT_JSON) != END_GOOD && unedited) abort();
    answer(margin_answer, bytes, size, FORMAT_TABLE);
    answer(price_answer, bytes, size, FORMAT_JSON);
    free(text);
    return 0;
}
