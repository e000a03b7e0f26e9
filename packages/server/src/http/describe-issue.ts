/** What is wrong with a request, in a sentence for people: the first problem that its schema found. Pure. */

interface Issue {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly expected?: unknown;
  readonly minimum?: unknown;
  readonly maximum?: unknown;
  readonly pattern?: unknown;
  readonly values?: unknown;
  readonly input?: unknown;
  readonly errors?: readonly (readonly Issue[])[];
}

/** `containerTag: bad format`, `memories.0.content: required`, … */
export function describeIssue(issue: unknown): string {
  // The schema library's issues; fields that it does not have are undefined.
  const first = issue as Issue;
  const path = first.path.map(String).join(".");
  return `${path === "" ? "the body" : path}: ${problemOf(first)}`;
}

function problemOf(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return "input" in issue && issue.input === undefined
        ? "required"
        : `expected ${String(issue.expected)}`;
    case "too_small":
      return `less than ${String(issue.minimum)}`;
    case "too_big":
      return `more than ${String(issue.maximum)}`;
    case "invalid_format":
      return "bad format";
    case "invalid_value":
      return Array.isArray(issue.values)
        ? `expected one of ${issue.values.join(", ")}`
        : "bad value";
    case "invalid_union":
      return "bad value";
    case "custom":
      return issue.message;
    default:
      return "bad value";
  }
}
