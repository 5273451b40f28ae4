package prove

import "context"

func (o *Options) naive(context.Context) (Naive, error) { return Naive{}, nil }
