package market

import (
	"fmt"
	"strconv"
)

// Setting is one that an algorithm reads.
type Setting struct {
	Key     string // the key in the community's configuration, such as "price"
	Summary string // one sentence on its effect, with its unit
	Default string // the value that applies if the community sets none
}

// Text returns the community's value, or else the default.
func (setting Setting) Text(round *Round) string {
	if value, ok := round.Settings[setting.Key]; ok {
		return value
	}
	return setting.Default
}

// Integer returns the value as a whole number from least to most. It is an error if it is none.
func (setting Setting) Integer(round *Round, least, most int64) (int64, error) {
	text := setting.Text(round)
	number, err := strconv.ParseInt(text, 10, 64)
	if err != nil || number < least || number > most {
		return 0, setting.Refuse(round, fmt.Sprintf("a whole number, %d to %d", least, most))
	}
	return number, nil
}

// Refuse returns the error for a value that is not what the rule says, such as "mid, retail or feed-in".
func (setting Setting) Refuse(round *Round, rule string) error {
	return fmt.Errorf("setting %s is %q but must be %s (leave it out for %q)", setting.Key, setting.Text(round), rule, setting.Default)
}
