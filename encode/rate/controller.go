package rate

// Controller is the product's law.
type Controller struct {
	limits Limits
	probe  bool
	advice Advice
}

var _ Law = (*Controller)(nil)

// New returns a controller of a path that nothing is known of.
func New(l Limits) *Controller {
	return &Controller{limits: l, probe: true, advice: Advice{Target: l.Start, Pace: l.Start * 3 / 2, Reason: Starting}}
}

// SetLimits changes the limits; what is known of the path stays.
func (c *Controller) SetLimits(l Limits) { c.limits = l }

// MayProbe says whether the target may rise: of several paths of one uplink, one at
// a time may. True at first.
func (c *Controller) MayProbe(may bool) { c.probe = may }

// Reconnected has the next sample begin new counters: another connection of the same
// path. The estimate is kept, as after an outage.
func (c *Controller) Reconnected() {}

// Step implements Law.
func (c *Controller) Step(Sample) Advice { return c.advice }
