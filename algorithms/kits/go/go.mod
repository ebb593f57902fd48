module my-algorithm

go 1.24
