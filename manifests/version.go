package manifests

import (
	"strings"

	"github.com/Masterminds/semver/v3"
)

// Constraint says which versions of a plugin a grant is for: "^1", "~1.4", ">=1.2, <3". The notation is that of
// github.com/Masterminds/semver/v3. A pre-release matches only a constraint that names one. The zero Constraint
// matches nothing.
//
// A constraint that leaves the major version open ("*", "^x") is refused: the next major version may do other things
// under the same names, and its grant is to be a decision.
type Constraint struct {
	text  string
	check *semver.Constraints
}

// ParseConstraint reads a version constraint.
func ParseConstraint(text string) (Constraint, error) {
	c, f := parseConstraint(text)
	if f != nil {
		return Constraint{}, f
	}
	return c, nil
}

func parseConstraint(text string) (Constraint, *flaw) {
	const example = `write for example "^1"`
	if strings.TrimSpace(text) == "" || len(text) > maxConstraint || checkText(text, maxConstraint) != nil {
		return Constraint{}, flawf(example, "%q is not a version constraint", shorten(text))
	}
	for alternative := range strings.SplitSeq(text, "||") {
		if !strings.ContainsAny(alternative, "0123456789") {
			return Constraint{}, flawf(example, "%q is a constraint without a version", text)
		}
	}
	c, err := semver.NewConstraint(text)
	if err != nil {
		return Constraint{}, flawf(example, "%q is not a version constraint", text)
	}
	return Constraint{text, c}, nil
}

// Match reports whether the version satisfies the constraint.
func (c Constraint) Match(v *semver.Version) bool {
	return c.check != nil && v != nil && c.check.Check(v)
}

// String returns the constraint as it was written.
func (c Constraint) String() string { return c.text }

// Equal reports whether both were written alike.
func (c Constraint) Equal(other Constraint) bool { return c.text == other.text }

// parseVersion reads a version by the rules of semver.org, without a leading "v".
func parseVersion(text string) (*semver.Version, *flaw) {
	const example = `write three numbers, for example "1.0.0"`
	if len(text) > maxVersion {
		return nil, flawf(example, "the version is longer than %d bytes", maxVersion)
	}
	v, err := semver.StrictNewVersion(text)
	if err != nil || v.String() != text {
		return nil, flawf(example, "%q is not a semantic version", text)
	}
	return v, nil
}
