module example.com/hello-plugin

go 1.26.0

require github.com/postern-dev/postern v0.0.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/valyala/fastjson v1.6.10 // indirect
)

replace github.com/postern-dev/postern => ../..
