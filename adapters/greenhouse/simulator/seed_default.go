package simulator

import (
	"encoding/hex"
	"fmt"
	"hash/fnv"
)

// DefaultSeed gives the three invented employers of the demo. Their keys, users and jobs are the same at every start.
func DefaultSeed() Seed {
	s := Seed{
		Partner: defaultPartner(),
		Employers: []SeedEmployer{
			employer("harbor-robotics", "Harbor Robotics",
				live("Backend Engineer", "Frontend Engineer", "Embedded Software Engineer", "Data Scientist", "Product Designer", "Technical Recruiter"),
				hidden("Robotics Field Technician"), closed("Office Manager")),
			employer("nordlicht-logistik", "Nordlicht Logistik",
				live("Disponent (m/w/d)", "Lagerleiter Süd", "Softwareentwickler Java", "Buchhalter", "Customer Support Specialist", "Data Analyst"),
				hidden("Leiter Zollabwicklung"), closed("Praktikum Marketing")),
			employer("maple-finch", "Maple & Finch Foods",
				live("Head Baker", "Store Manager - Downtown", "Supply Chain Planner", "Food Safety Inspector", "Social Media Manager", "Warehouse Associate"),
				confidential("Chief Financial Officer"), closed("Seasonal Cashier")),
		},
	}
	s.Employers[1].Stages = []string{"Bewerbung prüfen", "Telefoninterview", "Fachgespräch", "Kennenlernen vor Ort", "Angebot"}
	assign(&s)
	// The default seed is complete by construction; TestDefaultSeed_IsValid holds that.
	_ = s.fill()
	return s
}

// GenerateSeed gives n employers with the given number of live jobs each, for load and scale. Names run from employer-00001.
func GenerateSeed(n, jobs int) Seed {
	s := Seed{Partner: defaultPartner()}
	for i := range n {
		name := fmt.Sprintf("employer-%05d", i+1)
		var list []Job
		for j := range jobs {
			list = append(list, Job{Name: fmt.Sprintf("Position %d", j+1), Live: true})
		}
		s.Employers = append(s.Employers, employer(name, fmt.Sprintf("Employer %d", i+1), list))
	}
	assign(&s)
	// Valid by construction unless n is 0; New validates again and says so.
	_ = s.fill()
	return s
}

func defaultPartner() Partner {
	return Partner{Name: "Talent Cove", OAuthClientID: "talent-cove-simulated", OAuthClientSecret: "invented-secret-of-the-simulator"}
}

func employer(name, title string, jobs ...[]Job) SeedEmployer {
	e := SeedEmployer{Name: name, Title: title}
	for _, list := range jobs {
		e.Jobs = append(e.Jobs, list...)
	}
	e.Keys = []Key{
		{Key: inventedKey(name, string(KeyIngestion)), Type: KeyIngestion},
		{Key: inventedKey(name, string(KeyHarvest)), Type: KeyHarvest},
	}
	domain := "@" + name + ".example.com"
	e.Users = []User{
		{FirstName: "Sync", LastName: "Robot", Email: "ats-sync" + domain, Level: SiteAdmin, UnattachedProspects: true},
		{FirstName: "Basil", LastName: "Plain", Email: "basic" + domain, Level: Basic},
		{FirstName: "Jo", LastName: "Halvorsen", Email: "job-admin" + domain, Level: JobAdmin},
		{FirstName: "Ines", LastName: "Okafor", Email: "interviewer" + domain, Level: Interviewer},
		{FirstName: "Gone", LastName: "Since-Spring", Email: "disabled" + domain, Level: SiteAdmin, Disabled: true},
	}
	stages := func() []PoolStage {
		return []PoolStage{{Name: "Not Contacted"}, {Name: "Contacted"}, {Name: "In Discussion"}}
	}
	e.Pools = []Pool{{Name: "Sourced", Stages: stages()}, {Name: "Referred", Stages: stages()}}
	return e
}

// assign puts Job Admin and Interviewer on each employer's first two jobs, once the jobs have ids.
func assign(s *Seed) {
	for i := range s.Employers {
		e := &s.Employers[i]
		block := int64(i) * smallBlock
		var mine []int64
		for j := range min(2, len(e.Jobs)) {
			mine = append(mine, jobIDs+block+int64(j)+1)
		}
		for k := range e.Users {
			if e.Users[k].Level == JobAdmin || e.Users[k].Level == Interviewer {
				e.Users[k].Jobs = mine
			}
		}
	}
}

func live(names ...string) []Job {
	var jobs []Job
	for _, n := range names {
		jobs = append(jobs, Job{Name: n, Live: true})
	}
	return jobs
}

func hidden(name string) []Job       { return []Job{{Name: name}} }
func closed(name string) []Job       { return []Job{{Name: name, Closed: true}} }
func confidential(name string) []Job { return []Job{{Name: name, Confidential: true}} }

// inventedKey makes a key that looks like one of Greenhouse's (hex) and is the same at every start.
func inventedKey(name, kind string) string {
	h := fnv.New128a()
	// A hash never fails to write.
	_, _ = h.Write([]byte(kind + "/" + name))
	return hex.EncodeToString(h.Sum(nil)) + "-" + kind[:1]
}
