// SPDX-License-Identifier: MIT
// The calendar, for machines whose clock shows a date.
#include "arch.h"

enum { HOUR_PM = 0x80 };

// Since 1970-01-01. Years begin in March here, so that the leap day comes last.
static uint64_t days(uint64_t year, uint64_t month, uint64_t day)
{
    if (month <= 2) year--;
    uint64_t from_march = (month + 9) % 12;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 719469;
}

static uint64_t from_bcd(uint64_t v) { return (v >> 4) * 10 + (v & 15); }

uint64_t date_seconds(const uint8_t fields[DATE_FIELDS], bool binary, bool of_24_hours)
{
    uint64_t f[DATE_FIELDS];
    bool afternoon = !of_24_hours && fields[DATE_HOUR] & HOUR_PM;
    for (unsigned i = 0; i < DATE_FIELDS; i++) {
        f[i] = i == DATE_HOUR && afternoon ? fields[i] & ~HOUR_PM : fields[i];
        if (!binary) f[i] = from_bcd(f[i]);
    }
    if (!of_24_hours) f[DATE_HOUR] = f[DATE_HOUR] % 12 + (afternoon ? 12 : 0);
    if (f[DATE_MONTH] < 1 || f[DATE_MONTH] > 12 || f[DATE_DAY] < 1 || f[DATE_DAY] > 31 || f[DATE_HOUR] > 23) return 0;
    return ((days(2000 + f[DATE_YEAR], f[DATE_MONTH], f[DATE_DAY]) * 24 + f[DATE_HOUR]) * 60 + f[DATE_MINUTE]) * 60 +
           f[DATE_SECOND];
}
