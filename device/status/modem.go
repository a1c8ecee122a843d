package status

// Modem is what a mobile modem says of itself and its network.
type Modem struct {
	Model string `json:"model"` // "Quectel EM05-G"
	// State is "starting", "failed", "locked" (its SIM wants a PIN), "disabled", "enabled",
	// "searching", "registered" (in a network), "connecting", "connected", or on the way from
	// one to another: "disabling", "enabling", "disconnecting".
	State      string `json:"state"`
	Operator   string `json:"operator"`   // of the network; "" while it is in none
	Technology string `json:"technology"` // "5G", "LTE", "3G" or "2G"; "" while it is in none
	Signal     int    `json:"signal"`     // percent
	Roaming    bool   `json:"roaming"`    // in a network that is not the SIM's own
}
