package mail

// BundleNames are the names that files of one archive get.
func BundleNames(said []string) []string {
	u := uniqueNames{}
	names := make([]string, len(said))
	for i, name := range said {
		names[i] = u.of(name)
	}
	return names
}
