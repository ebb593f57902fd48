module wrapped

go 1.24
