/* What tenor-feed reads from outside, and whom a thin client is told to trust: lines of CSV and
 * JSON, and files of sequencers with certificates. Whatever comes is refused or read; what is read
 * keeps to the bounds that reports have. */
#include "feed/feed.h"
#include "tenor/sequencers.h" /* node/tenor */

#include <stdlib.h>
#include <string.h>

int64_t feed_unix_ms(void)
{
    return INT64_C(1795305600000);
}

bool feed_find(const struct feed *feed, const char *symbol, uint16_t *underlying, uint32_t *place)
{
    (void)feed;
    *underlying = 1;
    *place = 0;
    return symbol[0] == 'B';
}

static void check(const struct feed_value *value)
{
    TN_ASSERT(value->confidence_ppm >= 0 && value->confidence_ppm <= 1000000);
    TN_ASSERT(value->feed <= TN_FEED_STABLE && value->time_ms >= TN_EPOCH_2020_MS);
    if (value->feed == TN_FEED_VOL) TN_ASSERT(tn_surface_admitted(&value->surface));
    if (value->feed <= TN_FEED_FORWARD) TN_ASSERT(value->value > 0);
    TN_ASSERT((value->expiry_day == 0) ==
              (value->feed == TN_FEED_SPOT || value->feed == TN_FEED_STABLE));
}

static void trust(const uint8_t *bytes, size_t size)
{
    static struct tn_signatures real;
    static struct sequencers sequencers;
    struct tn_checkpoint checkpoint;
    char why[SEQUENCERS_WHY_SIZE];
    if (real.context == NULL) {
        void *memory = aligned_alloc(16, (tn_signatures_size() + 15) / 16 * 16);
        TN_ASSERT(memory != NULL);
        tn_signatures_real(&real, memory);
    }
    size_t half = size / 2;
    if (!sequencers_read(&sequencers, &real, (const char *)bytes, half, why)) {
        sequencers = (struct sequencers){
            .count = 4, .weights = {1, 1, 1, 1}, .weight = 4, .has_chain = true};
    }
    const uint8_t *certificate = bytes + half;
    size_t left = size - half;
    if (!sequencers_follow(&sequencers, &real, &certificate, &left, why)) return;
    sequencers_check(&checkpoint, &sequencers, &real, certificate, left, why);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct feed_columns columns;
    struct feed_value value;
    char why[FEED_WHY_SIZE];
    char *text = malloc(size + 1);
    TN_ASSERT(text != NULL);
    if (size > 0) memcpy(text, bytes, size);
    text[size] = '\0';
    if (feed_json_read(&value, NULL, text, why)) check(&value);
    char *rest = strchr(text, '\n');
    if (rest != NULL && feed_columns_read(&columns, text, why) &&
        feed_csv_read(&value, NULL, &columns, rest + 1, why)) {
        check(&value);
    }
    free(text);
    trust(bytes, size);
    return 0;
}
