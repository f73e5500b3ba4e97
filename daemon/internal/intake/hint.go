package intake

import "strings"

// resumeBytes are keys under which other interfaces take the bytes of a resume.
const resumeBytes = " content data base64 bytes body file content_base64 file_content attachment "

// unknownKey says what is wrong with the key at the end of the path, which the object does not have.
func unknownKey(at path, s *shape) string {
	key := at[len(at)-1].key
	if len(at) == 2 && at[0].key == "resume" && strings.Contains(resumeBytes, " "+strings.ToLower(key)+" ") {
		return "the bytes of a resume are not taken: put the file where the ATS can fetch it, and give its https address as resume.url"
	}
	if near := nearest(key, s.fields); near != "" {
		return "there is no such key; is " + near + " meant?"
	}
	return "there is no such key"
}

// nearest returns the field whose name is nearly key: the same but for case, dashes and underscores, or at most two
// letters away.
func nearest(key string, fields []field) string {
	if len(key) > 40 {
		return ""
	}
	bare := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(key))
	best, dist := "", 3
	for _, f := range fields {
		if strings.ReplaceAll(f.name, "_", "") == bare {
			return f.name
		}
		if d := distance(key, f.name); d < dist && d*2 < len(f.name) {
			best, dist = f.name, d
		}
	}
	return best
}

// distance is the number of letters to add, drop or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
