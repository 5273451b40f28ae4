package codecache

// Bound lowers what the files of the cache may have together, in bytes.
func (c *Cache) Bound(most int64) { c.most = most }
