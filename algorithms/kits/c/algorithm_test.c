#include <stdio.h>

#include "market/testing.h"

static void shares_energy_in_proportion_at_the_midpoint(void) {
    market_round round = TESTING_ROUND({"anna", 900, 0}, {"ben", 0, 700}, {"carla", 0, 700});
    testing_expect(&round, "grid > ben 250 Wh at 162400\n"
                           "grid > carla 250 Wh at 162400\n"
                           "anna > ben 450 Wh at 96200\n"
                           "anna > carla 450 Wh at 96200\n");
}

static void the_position_moves_the_price(void) {
    market_round round = TESTING_ROUND({"anna", 900, 0}, {"ben", 0, 900});
    testing_set(&round, "position", "250000");
    testing_expect(&round, "anna > ben 900 Wh at 63100\n");
    testing_set(&round, "position", "1000001");
    round.settings += 1, round.setting_count -= 1;
    testing_expect(&round, "setting position is \"1000001\" but must be a whole number, 0 to 1000000 "
                           "(leave it out for \"500000\")");
}

static void the_price_stays_within_the_limits(void) {
    market_round round = TESTING_ROUND({"anna", 900, 0}, {"ben", 0, 900});
    round.price_ceiling = (market_limit){true, 90000};
    testing_expect(&round, "anna > ben 900 Wh at 90000\n");
}

int main(void) {
    shares_energy_in_proportion_at_the_midpoint();
    the_position_moves_the_price();
    the_price_stays_within_the_limits();
    testing_random_rounds(2000);
    puts("all tests passed");
}
