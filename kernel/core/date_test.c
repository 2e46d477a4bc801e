// SPDX-License-Identifier: MIT
// Tests of the calendar.
#include "test.h"

TEST(date_days_count_from_1970_with_leap_years)
{
    check_equal(date_days(1970, 1, 1), 0);
    check_equal(date_days(2000, 2, 29), 11016);
    check_equal(date_days(2000, 3, 1), 11017);
    check_equal(date_days(2024, 1, 1), 19723);
    check_equal(date_days(2100, 3, 1) - date_days(2100, 2, 28), 1);
}
