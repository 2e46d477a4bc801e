// SPDX-License-Identifier: MIT
// The calendar, for machines whose clock shows a date.
#include "arch.h"

// Years begin in March here, so that the leap day comes last.
uint64_t date_days(uint64_t year, uint64_t month, uint64_t day)
{
    if (month <= 2) year--;
    uint64_t from_march = (month + 9) % 12;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 719469;
}
