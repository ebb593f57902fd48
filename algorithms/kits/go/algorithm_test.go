package main

import (
	"slices"
	"testing"

	"algorithm/market"
	"algorithm/market/markettest"
)

func expect(t *testing.T, round *market.Round, lines ...string) {
	t.Helper()
	trades, err := clear(round)
	if err != nil {
		t.Fatal(err)
	}
	if err := markettest.Check(round, trades); err != nil {
		t.Fatal(err)
	}
	if found := markettest.Lines(round, trades); !slices.Equal(found, lines) {
		t.Fatalf("expected %q, found %q", lines, found)
	}
}

func TestSharesEnergyInProportionAtTheMidpoint(t *testing.T) {
	expect(t, markettest.Round(markettest.Sells("anna", 900), markettest.Buys("ben", 700), markettest.Buys("carla", 700)),
		"grid > ben 250 Wh at 162400",
		"grid > carla 250 Wh at 162400",
		"anna > ben 450 Wh at 96200",
		"anna > carla 450 Wh at 96200",
	)
}

func TestThePositionMovesThePrice(t *testing.T) {
	round := markettest.Round(markettest.Sells("anna", 900), markettest.Buys("ben", 900))
	round.Settings["position"] = "250000"
	expect(t, round, "anna > ben 900 Wh at 63100")
	round.Settings["position"] = "1000001"
	_, err := clear(round)
	expected := `setting position is "1000001" but must be a whole number, 0 to 1000000 (leave it out for "500000")`
	if err == nil || err.Error() != expected {
		t.Fatal(err)
	}
}

func TestThePriceStaysWithinTheLimits(t *testing.T) {
	round := markettest.Round(markettest.Sells("anna", 900), markettest.Buys("ben", 900))
	ceiling := int64(90_000)
	round.PriceCeiling = &ceiling
	expect(t, round, "anna > ben 900 Wh at 90000")
}

func TestBalancesEveryRound(t *testing.T) {
	if err := markettest.RandomRounds(algorithm, 2_000); err != nil {
		t.Fatal(err)
	}
}
