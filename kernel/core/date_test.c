// SPDX-License-Identifier: MIT
// Tests of the calendar.
#include "test.h"

static uint64_t day(uint8_t year, uint8_t month, uint8_t of_month)
{
    const uint8_t fields[DATE_FIELDS] = {[DATE_DAY] = of_month, [DATE_MONTH] = month, [DATE_YEAR] = year};
    return date_seconds(fields, true, true) / 86400;
}

TEST(date_seconds_count_from_1970_with_leap_years)
{
    check_equal(day(0, 2, 29), 11016);
    check_equal(day(0, 3, 1), 11017);
    check_equal(day(24, 1, 1), 19723);
    check_equal(day(100, 3, 1) - day(100, 2, 28), 1);
    check_equal(day(24, 13, 1), 0);
}

TEST(date_seconds_read_bcd_and_hours_that_count_twice_to_12)
{
    const uint8_t evening[] = {0x30, 0x15, 0x91, 0x01, 0x01, 0x24};   // 11:15:30 pm
    const uint8_t midnight[] = {0x00, 0x00, 0x12, 0x01, 0x01, 0x24};  // 12:00:00 am
    check_equal(date_seconds(evening, false, false), 19723 * 86400 + (23 * 60 + 15) * 60 + 30);
    check_equal(date_seconds(midnight, false, false), 19723 * 86400);
}
