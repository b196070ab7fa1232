package attach

// Disposition is the header that a download has for a file's name.
var Disposition = disposition
