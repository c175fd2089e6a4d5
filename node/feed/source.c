/* source: one line from outside, one value in: CSV by the names of its columns, or a JSON object.
 *
 * Both become the same named texts, read by one function, so they have one set of units and bounds:
 *
 *     time_ms      when it was observed; left out: now
 *     underlying   BTC
 *     feed         spot, forward, vol, rate, stable
 *     expiry       25DEC26, of forward, vol and rate
 *     value        money of one unit (spot, forward), 0.55 is 55 % (vol), 0.04 is 4 % (rate),
 *                  1.0 (stable); of a vol it may be left out when a to sigma are there
 *     a b rho m sigma forward tau_ms     raw SVI, of vol: docs/specs/pricing.md
 *     confidence   0 to 1; left out: 1 */
#include "feed/feed.h"

#include "tenor/decimal.h"

#include <jansson.h>
#include <string.h>

enum field {
    FIELD_TIME,
    FIELD_UNDERLYING,
    FIELD_FEED,
    FIELD_EXPIRY,
    FIELD_VALUE,
    FIELD_CONFIDENCE,
    FIELD_A,
    FIELD_B,
    FIELD_RHO,
    FIELD_M,
    FIELD_SIGMA,
    FIELD_FORWARD,
    FIELD_TAU,
    FIELDS_COUNT
};

static const char *const field_names[FIELDS_COUNT] = {
    "time_ms", "underlying", "feed", "expiry", "value",   "confidence", "a",
    "b",       "rho",        "m",    "sigma",  "forward", "tau_ms"};

enum { TEXT_SIZE = 64, COLUMNS_MAX = 32, NAME_SIZE = TN_SERIES_NAME_SIZE };

struct line {
    char texts[FIELDS_COUNT][TEXT_SIZE]; /* "": left out */
};

static bool refuse(char why[FEED_WHY_SIZE], enum field field, const char *what)
{
    snprintf(why, FEED_WHY_SIZE, "%s: %s", field_names[field], what);
    return false;
}

/* ---- From texts to a value --------------------------------------------------------------------
 */

static bool number(int64_t *out, const struct line *line, enum field field, unsigned digits,
                   char why[FEED_WHY_SIZE])
{
    switch (decimal_parse(out, line->texts[field], digits, true)) {
        case DECIMAL_GOOD: return true;
        case DECIMAL_NOT_A_NUMBER: return refuse(why, field, "is no number");
        case DECIMAL_TOO_FINE: return refuse(why, field, "has more decimals than the unit holds");
        case DECIMAL_TOO_LARGE: return refuse(why, field, "is too large");
    }
    return false;
}

static bool has(const struct line *line, enum field field)
{
    return line->texts[field][0] != '\0';
}

static bool read_feed(struct feed_value *value, const struct line *line, char why[FEED_WHY_SIZE])
{
    static const char *const names[] = {"spot", "forward", "vol", "rate", "stable"};
    for (uint8_t i = 0; i < 5; i++) {
        if (strcmp(line->texts[FIELD_FEED], names[i]) != 0) continue;
        value->feed = i;
        return true;
    }
    return refuse(why, FIELD_FEED, "is one of spot, forward, vol, rate, stable");
}

/* A day by the name that a future of it would have. */
static bool read_expiry(struct feed_value *value, const struct line *line, char why[FEED_WHY_SIZE])
{
    static const char symbols[1][TN_SYMBOL_SIZE] = {"X"};
    char name[NAME_SIZE];
    uint64_t id;
    bool is_wanted = value->feed != TN_FEED_SPOT && value->feed != TN_FEED_STABLE;
    if (!is_wanted) {
        if (!has(line, FIELD_EXPIRY)) return true;
        return refuse(why, FIELD_EXPIRY, "does not belong to this feed: leave it out");
    }
    snprintf(name, sizeof name, "X-%.20s", line->texts[FIELD_EXPIRY]);
    if (!tn_series_name_parse(&id, name, symbols, 1) || tn_series_kind(id) != TN_FUTURE) {
        return refuse(why, FIELD_EXPIRY, "is a day like 25DEC26");
    }
    value->expiry_day = tn_series_expiry_day(id);
    return true;
}

static bool read_svi(struct feed_value *value, const struct line *line, char why[FEED_WHY_SIZE])
{
    struct tn_surface *surface = &value->surface;
    return number(&surface->a_e12, line, FIELD_A, 12, why) &&
           number(&surface->b_e12, line, FIELD_B, 12, why) &&
           number(&surface->rho_e12, line, FIELD_RHO, 12, why) &&
           number(&surface->m_e12, line, FIELD_M, 12, why) &&
           number(&surface->sigma_e12, line, FIELD_SIGMA, 12, why) &&
           number(&surface->forward_micros, line, FIELD_FORWARD, 6, why);
}

/* One volatility for all strikes: its variance, and no bend. */
static bool read_flat(struct feed_value *value, const struct line *line, int64_t left_ms,
                      char why[FEED_WHY_SIZE])
{
    const int64_t year_ms = INT64_C(365) * TN_MS_PER_DAY;
    int64_t vol_ppm;
    if (!number(&vol_ppm, line, FIELD_VALUE, 6, why)) return false;
    if (vol_ppm < 1 || vol_ppm > 12000000)
        return refuse(why, FIELD_VALUE, "is above 0, at most 12");
    value->surface =
        (struct tn_surface){.a_e12 = tn_mul_div_floor(vol_ppm * vol_ppm, left_ms, year_ms),
                            .sigma_e12 = INT64_C(100000000000),
                            .forward_micros = 1000000,
                            .tau_ms = left_ms};
    return true;
}

static bool read_surface(struct feed_value *value, const struct line *line, char why[FEED_WHY_SIZE])
{
    int64_t left_ms = TN_EPOCH_2020_MS + value->expiry_day * TN_MS_PER_DAY + TN_EXPIRY_TIME_OF_DAY -
                      value->time_ms;
    if (left_ms < 1) return refuse(why, FIELD_EXPIRY, "is over at that time");
    if (!has(line, FIELD_A)) {
        if (!read_flat(value, line, left_ms, why)) return false;
    } else {
        if (!read_svi(value, line, why)) return false;
        value->surface.tau_ms = left_ms;
        if (has(line, FIELD_TAU) && !number(&value->surface.tau_ms, line, FIELD_TAU, 0, why)) {
            return false;
        }
    }
    if (tn_surface_admitted(&value->surface)) return true;
    return refuse(why, FIELD_A,
                  "the surface is not admitted: docs/specs/pricing.md has the bounds");
}

static bool read_value(struct feed_value *value, const struct line *line, char why[FEED_WHY_SIZE])
{
    switch ((enum tn_feed)value->feed) {
        case TN_FEED_SPOT:
        case TN_FEED_FORWARD:
            if (!number(&value->value, line, FIELD_VALUE, 6, why)) return false;
            if (value->value > 0) return true;
            return refuse(why, FIELD_VALUE, "is above zero");
        case TN_FEED_VOL: return read_surface(value, line, why);
        case TN_FEED_RATE: return number(&value->value, line, FIELD_VALUE, 9, why);
        case TN_FEED_STABLE: return number(&value->value, line, FIELD_VALUE, 6, why);
    }
    return false;
}

static bool read_line(struct feed_value *value, const struct feed *feed, const struct line *line,
                      char why[FEED_WHY_SIZE])
{
    int64_t confidence = 1000000;
    *value = (struct feed_value){.time_ms = feed_unix_ms()};
    if (!read_feed(value, line, why)) return false;
    if (has(line, FIELD_TIME) && !number(&value->time_ms, line, FIELD_TIME, 0, why)) return false;
    if (value->time_ms < TN_EPOCH_2020_MS) return refuse(why, FIELD_TIME, "is before 2020");
    if (has(line, FIELD_CONFIDENCE) && !number(&confidence, line, FIELD_CONFIDENCE, 6, why)) {
        return false;
    }
    if (confidence < 0 || confidence > 1000000) return refuse(why, FIELD_CONFIDENCE, "is 0 to 1");
    value->confidence_ppm = (int32_t)confidence;
    if (!feed_find(feed, line->texts[FIELD_UNDERLYING], &value->underlying, &value->place)) {
        return refuse(why, FIELD_UNDERLYING, "is in no market of this net");
    }
    if (value->feed == TN_FEED_STABLE) value->underlying = 0;
    return read_expiry(value, line, why) && read_value(value, line, why);
}

/* ---- CSV --------------------------------------------------------------------------------------
 */

/* The next column, without blanks around it; false when it does not fit. */
static bool next_column(char text[TEXT_SIZE], const char **line)
{
    size_t length = strcspn(*line, ",\r\n");
    const char *from = *line, *end = *line + length;
    *line = *end == ',' ? end + 1 : end;
    while (from < end && *from == ' ')
        from++;
    while (end > from && end[-1] == ' ')
        end--;
    if ((size_t)(end - from) >= TEXT_SIZE) return false;
    memcpy(text, from, (size_t)(end - from));
    text[end - from] = '\0';
    return true;
}

static int *place_of(struct feed_columns *columns, enum field field)
{
    int *places[FIELDS_COUNT] = {&columns->time_ms, &columns->underlying, &columns->feed,
                                 &columns->expiry,  &columns->value,      &columns->confidence,
                                 &columns->a,       &columns->b,          &columns->rho,
                                 &columns->m,       &columns->sigma,      &columns->forward,
                                 &columns->tau_ms};
    return places[field];
}

static bool is_end(const char *line)
{
    return *line == '\0' || *line == '\r' || *line == '\n';
}

bool feed_columns_read(struct feed_columns *columns, const char *line, char why[FEED_WHY_SIZE])
{
    for (uint32_t i = 0; i < FIELDS_COUNT; i++)
        *place_of(columns, (enum field)i) = -1;
    for (int at = 0; !is_end(line); at++) {
        char text[TEXT_SIZE];
        uint32_t field = 0;
        if (!next_column(text, &line) || at >= COLUMNS_MAX) {
            snprintf(why, FEED_WHY_SIZE, "column %d: its name is too long, or there are too many",
                     at + 1);
            return false;
        }
        while (field < FIELDS_COUNT && strcmp(text, field_names[field]) != 0)
            field++;
        if (field == FIELDS_COUNT || *place_of(columns, (enum field)field) >= 0) {
            snprintf(why, FEED_WHY_SIZE, "column %d: '%s' is no field, or comes twice", at + 1,
                     text);
            return false;
        }
        *place_of(columns, (enum field)field) = at;
    }
    if (columns->underlying < 0) return refuse(why, FIELD_UNDERLYING, "has no column");
    if (columns->feed < 0) return refuse(why, FIELD_FEED, "has no column");
    return true;
}

bool feed_csv_read(struct feed_value *value, const struct feed *feed,
                   const struct feed_columns *columns, const char *line, char why[FEED_WHY_SIZE])
{
    static struct line read;
    struct feed_columns places = *columns;
    memset(&read, 0, sizeof read);
    for (int at = 0; !is_end(line); at++) {
        char text[TEXT_SIZE];
        if (!next_column(text, &line)) {
            snprintf(why, FEED_WHY_SIZE, "column %d: longer than %d characters", at + 1,
                     TEXT_SIZE - 1);
            return false;
        }
        for (uint32_t field = 0; field < FIELDS_COUNT; field++) {
            if (*place_of(&places, (enum field)field) != at) continue;
            memcpy(read.texts[field], text, sizeof text);
        }
    }
    return read_line(value, feed, &read, why);
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

/* A bare number as it would be written; a text as it is. */
static bool take_member(struct line *line, enum field field, const json_t *member,
                        char why[FEED_WHY_SIZE])
{
    char *text = line->texts[field];
    int length = -1;
    if (json_is_string(member)) {
        length = snprintf(text, TEXT_SIZE, "%s", json_string_value(member));
    } else if (json_is_integer(member)) {
        length = snprintf(text, TEXT_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
    } else if (json_is_real(member)) {
        length = snprintf(text, TEXT_SIZE, "%.15g", json_real_value(member));
    }
    if (length >= 0 && length < TEXT_SIZE) return true;
    return refuse(why, field, "is neither a text nor a number, or too long");
}

static bool take_members(struct line *line, json_t *object, char why[FEED_WHY_SIZE])
{
    const char *name;
    json_t *member;
    json_object_foreach(object, name, member)
    {
        uint32_t field = 0;
        while (field < FIELDS_COUNT && strcmp(name, field_names[field]) != 0)
            field++;
        if (field == FIELDS_COUNT) {
            snprintf(why, FEED_WHY_SIZE, "'%.40s' is no field", name);
            return false;
        }
        if (!take_member(line, (enum field)field, member, why)) return false;
    }
    return true;
}

bool feed_json_read(struct feed_value *value, const struct feed *feed, const char *line,
                    char why[FEED_WHY_SIZE])
{
    static struct line read;
    json_error_t error;
    memset(&read, 0, sizeof read);
    json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        snprintf(why, FEED_WHY_SIZE, "the line is no JSON object");
        return false;
    }
    bool is_good = take_members(&read, object, why);
    json_decref(object);
    return is_good && read_line(value, feed, &read, why);
}
