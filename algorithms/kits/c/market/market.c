// Mistakes, prices and settings.
#include "market.h"

#include <stdarg.h>

// ---- Mistakes

static char message[512];
static size_t written;

static void write_bytes(const char *bytes, size_t length) {
    for (size_t i = 0; i < length && written + 1 < sizeof message; i++) message[written++] = bytes[i];
}

static size_t length_of(const char *text) {
    size_t length = 0;
    while (text[length] != 0) length++;
    return length;
}

static void write_number(unsigned long long size, bool is_negative) {
    char digits[21];
    size_t start = sizeof digits;
    do digits[--start] = (char)('0' + size % 10);
    while ((size /= 10) > 0);
    if (is_negative) digits[--start] = '-';
    write_bytes(digits + start, sizeof digits - start);
}

static void write_signed(long long number) {
    // The least number has no positive one: so one less, and one more.
    write_number(number < 0 ? (unsigned long long)-(number + 1) + 1 : (unsigned long long)number, number < 0);
}

static void write_format(const char *format, va_list values) {
    for (; *format != 0; format++) {
        if (*format != '%') {
            write_bytes(format, 1);
            continue;
        }
        format++;
        if (*format == 's') {
            const char *text = va_arg(values, const char *);
            write_bytes(text, length_of(text));
        } else if (*format == '.') {  // %.*s
            int length = va_arg(values, int);
            write_bytes(va_arg(values, const char *), (size_t)length);
            format += 2;
        } else if (*format == 'd') {
            write_signed(va_arg(values, int));
        } else if (*format == 'l') {  // %lld, %llu
            format += 2;
            if (*format == 'u') write_number(va_arg(values, unsigned long long), false);
            else write_signed(va_arg(values, long long));
        }
    }
}

void market_fail_at(const char *file, int line, const char *format, ...) {
    if (written > 0) return;
    if (file != NULL) {
        write_bytes(file, length_of(file));
        write_bytes(":", 1);
        write_number((unsigned long long)line, false);
        write_bytes(": ", 2);
    }
    va_list values;
    va_start(values, format);
    write_format(format, values);
    va_end(values);
    message[written] = 0;
    if (file != NULL) market_print(message);  // in case the algorithm never ends
}

const char *market_failure(void) { return written > 0 ? message : NULL; }

// For tests, which clear many rounds.
void market_forget_failure(void) { written = 0; }

// ---- Prices

int64_t market_mid(int64_t a, int64_t b) { return market_between(a, b, 500000); }

int64_t market_between_at(const char *file, int line, int64_t from, int64_t to, int64_t millionths) {
    if (millionths < 0 || millionths > 1000000) {
        market_fail_at(file, line, "%lld millionths of the way are not between 0 and 1000000", (long long)millionths);
        return from;
    }
    __extension__ typedef __int128 wide;
    wide way = ((wide)to - from) * millionths;
    wide steps = way / 1000000 - (way % 1000000 < 0);
    return (int64_t)(from + steps);
}

int64_t market_raise(const market_round *round, int64_t price) {
    return round->price_floor.is_set && price < round->price_floor.price ? round->price_floor.price : price;
}

int64_t market_lower(const market_round *round, int64_t price) {
    return round->price_ceiling.is_set && price > round->price_ceiling.price ? round->price_ceiling.price : price;
}

int64_t market_clamp(const market_round *round, int64_t price) {
    market_limit floor = round->price_floor, ceiling = round->price_ceiling;
    if (floor.is_set && ceiling.is_set && floor.price > ceiling.price) {
        market_refuse("price floor %lld is above price ceiling %lld (lower the floor or raise the ceiling)",
                      (long long)floor.price, (long long)ceiling.price);
    }
    return market_lower(round, market_raise(round, price));
}

// ---- Settings

bool market_is(market_text text, const char *word) {
    if (text.length != length_of(word)) return false;
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] != word[i]) return false;
    }
    return true;
}

market_text market_string(const market_round *round, const market_setting *setting) {
    for (size_t i = 0; i < round->setting_count; i++) {
        if (market_is(round->settings[i].key, setting->key)) return round->settings[i].value;
    }
    return (market_text){setting->default_value, length_of(setting->default_value)};
}

// Reads a whole number: digits after one sign at most.
static bool read_integer(market_text text, int64_t *number) {
    bool is_negative = text.length > 0 && text.bytes[0] == '-';
    size_t start = is_negative || (text.length > 0 && text.bytes[0] == '+');
    int64_t value = 0;
    for (size_t i = start; i < text.length; i++) {
        int digit = text.bytes[i] - '0';
        if (digit < 0 || digit > 9) return false;
        if (__builtin_mul_overflow(value, 10, &value)) return false;
        if (__builtin_sub_overflow(value, digit, &value)) return false;  // negative: that range is the greater one
    }
    if (start == text.length) return false;
    if (!is_negative && __builtin_sub_overflow(0, value, &value)) return false;
    *number = value;
    return true;
}

int64_t market_integer(const market_round *round, const market_setting *setting, int64_t least, int64_t most) {
    market_text text = market_string(round, setting);
    int64_t number = 0;
    if (!read_integer(text, &number) || number < least || number > most) {
        market_refuse("setting %s is \"%.*s\" but must be a whole number, %lld to %lld (leave it out for \"%s\")",
                      setting->key, MARKET_TEXT(text), (long long)least, (long long)most, setting->default_value);
        return least;
    }
    return number;
}
