package serve

import (
	"errors"
	"fmt"
	"slices"

	sdk "github.com/atssync/atssync/plugin-sdk"
	"github.com/atssync/atssync/plugin-sdk/internal/wire"
)

// announced returns every way in which the manifest and the code contradict each other, nil when there is
// none. A host that believed such a manifest would offer what is not there, or never use what is.
func announced(adapter sdk.Adapter, m sdk.Manifest) error {
	errs := []error{m.Validate()}
	has := sdk.Implemented(adapter)
	for _, p := range m.Powers {
		if slices.Contains(sdk.Powers(), p) && !slices.Contains(has, p) {
			errs = append(errs, fmt.Errorf("manifest: the power %q is announced and the adapter does not implement it", p))
		}
	}
	for _, p := range has {
		if !m.Has(p) {
			errs = append(errs, fmt.Errorf("manifest: the adapter implements the power %q and does not announce it", p))
		}
	}
	speaks := slices.ContainsFunc(wire.Versions(), func(v int) bool { return v >= m.ContractMin && v <= m.ContractMax })
	if !speaks {
		errs = append(errs, fmt.Errorf("manifest: this program is built with the contract %v, outside of %d to %d",
			wire.Versions(), m.ContractMin, m.ContractMax))
	}
	return errors.Join(errs...)
}
