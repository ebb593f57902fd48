// Package markettest has helpers for tests of algorithms: concise rounds, trades as text, and the balance check.
//
// Start with [Round] and [Lines]; [RandomRounds] covers unusual rounds. The check is a simple second implementation of the host's.
package markettest

import (
	"fmt"
	"math"
	"math/big"

	"algorithm/market"
)

// Sells and Buys make a position of a test round: a member with a surplus or a deficit, in Wh, that offers at its feed-in price
// and bids at its retail price. The tariff is 162400 µEUR/kWh retail and 30000 µEUR/kWh feed-in.
func Sells(member string, surplus uint64) market.Position { return position(member, surplus, 0) }
func Buys(member string, deficit uint64) market.Position  { return position(member, 0, deficit) }

func position(member string, surplus, deficit uint64) market.Position {
	return market.Position{Member: member, Surplus: surplus, Deficit: deficit, Offer: 30_000, Bid: 162_400, Retail: 162_400, FeedIn: 30_000}
}

// Round makes a round without settings and limits, with the same tariff.
func Round(positions ...market.Position) *market.Round {
	return &market.Round{
		Community: "testing", Start: 1_693_569_600, Duration: 900, Retail: 162_400, FeedIn: 30_000,
		Settings: map[string]string{}, Positions: positions,
	}
}

// Lines formats trades as lines such as "anna > ben 700 Wh at 96200" (seller, buyer, Wh, µEUR/kWh), in their order.
func Lines(round *market.Round, trades []market.Trade) []string {
	lines := make([]string, 0, len(trades))
	for _, trade := range trades {
		lines = append(lines, line(round, trade))
	}
	return lines
}

func line(round *market.Round, trade market.Trade) string {
	name := func(party market.Party) string {
		switch index, isMember := party.Index(); {
		case party == market.Grid:
			return "grid"
		case party == market.Operator:
			return "operator"
		case isMember && index < len(round.Positions):
			return round.Positions[index].Member
		default:
			return fmt.Sprintf("no member %d", index)
		}
	}
	return fmt.Sprintf("%s > %s %d Wh at %d", name(trade.Seller), name(trade.Buyer), trade.Energy, trade.Price)
}

// Check checks trades by the host's rules: every watt-hour is sold and bought, trades with the grid are at its prices, and what
// members pay each other and the operator is within the limits. It returns the first broken rule.
func Check(round *market.Round, trades []market.Trade) error {
	sold, bought := sums(len(round.Positions)), sums(len(round.Positions))
	energy, money := new(big.Int), new(big.Int)
	for _, trade := range trades {
		if err := checkTrade(round, trade); err != nil {
			return fmt.Errorf("%w: %s", err, line(round, trade))
		}
		amount := new(big.Int).SetUint64(trade.Energy)
		paid := new(big.Int).Mul(amount, big.NewInt(trade.Price))
		if index, ok := trade.Seller.Index(); ok {
			sold[index].Add(sold[index], amount)
		} else if trade.Seller == market.Operator {
			energy.Sub(energy, amount)
			money.Add(money, paid)
		}
		if index, ok := trade.Buyer.Index(); ok {
			bought[index].Add(bought[index], amount)
		} else if trade.Buyer == market.Operator {
			energy.Add(energy, amount)
			money.Sub(money, paid)
		}
	}
	for index, position := range round.Positions {
		if sold[index].Cmp(new(big.Int).SetUint64(position.Surplus)) != 0 {
			return fmt.Errorf("member %s sells %v Wh but has a surplus of %d Wh", position.Member, sold[index], position.Surplus)
		}
		if bought[index].Cmp(new(big.Int).SetUint64(position.Deficit)) != 0 {
			return fmt.Errorf("member %s buys %v Wh but has a deficit of %d Wh", position.Member, bought[index], position.Deficit)
		}
	}
	if energy.Sign() != 0 || money.Sign() < 0 {
		return fmt.Errorf("the operator keeps %v Wh and %v nEUR", energy, money)
	}
	return nil
}

func sums(count int) []*big.Int {
	sums := make([]*big.Int, count)
	for index := range sums {
		sums[index] = new(big.Int)
	}
	return sums
}

func checkTrade(round *market.Round, trade market.Trade) error {
	seller, sells := trade.Seller.Index()
	buyer, buys := trade.Buyer.Index()
	floor, ceiling := round.PriceFloor, round.PriceCeiling
	switch {
	case sells && seller >= len(round.Positions) || buys && buyer >= len(round.Positions):
		return fmt.Errorf("unknown member")
	case trade.Seller == trade.Buyer:
		return fmt.Errorf("a party trades with itself")
	case trade.Energy == 0:
		return fmt.Errorf("a trade has 0 Wh")
	case !sells && !buys:
		return fmt.Errorf("the grid trades with the operator")
	case sells && trade.Buyer != market.Grid && floor != nil && trade.Price < *floor:
		return fmt.Errorf("the price is below the price floor of %d", *floor)
	case buys && trade.Seller != market.Grid && ceiling != nil && trade.Price > *ceiling:
		return fmt.Errorf("the price is above the price ceiling of %d", *ceiling)
	case trade.Buyer == market.Grid && trade.Price != round.Positions[seller].FeedIn:
		return fmt.Errorf("the grid pays %d", round.Positions[seller].FeedIn)
	case trade.Seller == market.Grid && trade.Price != round.Positions[buyer].Retail:
		return fmt.Errorf("the grid charges %d", round.Positions[buyer].Retail)
	default:
		return nil
	}
}

// RandomRounds clears this many random rounds, the same ones in every call, and checks each result. It returns the first broken
// rule, with the round. They include empty rounds, members that both sell and buy, extreme energies and prices, ties, and limits.
func RandomRounds(algorithm market.Algorithm, count uint64) error {
	for seed := range count {
		round := RandomRound(seed)
		trades, err := algorithm.Clear(round)
		if err == nil {
			err = Check(round, trades)
		}
		if err != nil {
			return fmt.Errorf("%w, in %+v", err, *round)
		}
	}
	return nil
}

// RandomRound makes a random round; the same seed gives the same round.
func RandomRound(seed uint64) *market.Round {
	random := random(seed)
	round := Round()
	round.Seed = seed
	// One kind of prices and one of energies per round: some are small, so that there are ties, some are extreme.
	prices, energies := random.below(4), random.below(4)
	round.Retail, round.FeedIn = random.price(prices), random.price(prices)
	a, b := random.price(prices), random.price(prices)
	floor, ceiling := min(a, b), max(a, b)
	if random.below(3) == 0 {
		round.PriceFloor = &floor
	}
	if random.below(3) == 0 {
		round.PriceCeiling = &ceiling
	}
	sides := random.below(4)
	for index := range random.below(12) {
		position := market.Position{Member: fmt.Sprintf("m%02d", index)}
		side := sides
		if sides == 3 {
			side = random.below(4)
		}
		if side != 1 {
			position.Surplus = random.energy(energies)
		}
		if side != 2 && (sides != 3 || side != 0) {
			position.Deficit = random.energy(energies)
		}
		position.Offer, position.Bid = random.price(prices), random.price(prices)
		position.Retail, position.FeedIn = random.price(prices), random.price(prices)
		round.Positions = append(round.Positions, position)
	}
	shares := random.below(3)
	for index := range round.Positions {
		round.Positions[index].Share = uint32(shares * random.below(80_000) / 2)
		round.Positions[index].Rank = uint32(random.below(3))
	}
	return round
}

// random is SplitMix64 (Steele, Lea and Flood 2014): good enough for tests.
type random uint64

func (state *random) next() uint64 {
	*state += 0x9e3779b97f4a7c15
	mixed := (uint64(*state) ^ uint64(*state)>>30) * 0xbf58476d1ce4e5b9
	mixed = (mixed ^ mixed>>27) * 0x94d049bb133111eb
	return mixed ^ mixed>>31
}

func (state *random) below(limit uint64) uint64 { return state.next() % limit }

func (state *random) energy(kind uint64) uint64 {
	switch kind {
	case 0:
		return state.below(4)
	case 1:
		return state.below(5_000)
	case 2:
		return math.MaxUint64 - state.below(2)
	default:
		drawn := state.next()
		return drawn >> state.below(64)
	}
}

func (state *random) price(kind uint64) int64 {
	few := state.below(4)
	switch {
	case kind == 0:
		return int64(10_000 * few)
	case kind == 1:
		return int64(state.below(200_000)) - 20_000
	case kind == 2 && few == 0:
		return math.MinInt64
	case kind == 2 && few == 1:
		return math.MaxInt64
	default:
		return int64(state.next())
	}
}
