// Shares the energy in proportion, at a price between the community's two tariffs.
package main

import "algorithm/market"

var position = market.Setting{
	Key:     "position",
	Summary: "where the price lies between feed-in (0) and retail (1000000)",
	Default: "500000",
}

var algorithm = market.Algorithm{
	Name:     "my-algorithm",
	Version:  "1.0.0",
	Summary:  "Shares the energy in proportion, at a price between the community's two tariffs; the rest with the grid",
	Settings: []market.Setting{position},
	Clear:    clear,
}

func clear(round *market.Round) ([]market.Trade, error) {
	limits, err := round.Limits()
	if err != nil {
		return nil, err
	}
	position, err := position.Integer(round, 0, 1_000_000)
	if err != nil {
		return nil, err
	}
	price := limits.Clamp(market.Between(round.FeedIn, round.Retail, position))
	book := market.NewBook(round)
	sellers, buyers := book.Sellers(), book.Buyers()
	book.ProRata(sellers, buyers)
	book.Greedy(sellers, buyers, price)
	return book.Rest(), nil
}

func init() { market.Export(algorithm) }

// A component has no main program; Go wants one.
func main() {}
