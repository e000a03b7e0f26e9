/** `profile.md`: what the server knows of a container as a whole, as Markdown. */
import type { ProfileAnswer } from "@smfs/api";

/** Empty when nothing is known. */
export function profileText({ profile }: ProfileAnswer): string {
  const sections = [
    section("What stays", profile.static ?? []),
    section("Lately", profile.dynamic ?? []),
    ...Object.entries(profile.buckets ?? {}).map(([name, items]) => section(oneLine(name), items)),
  ].filter((text) => text !== "");
  if (sections.length === 0) return "";
  return `# Profile\n\n${sections.join("\n")}`;
}

function section(title: string, items: readonly string[]): string {
  const lines = items.map(oneLine).filter((line) => line !== "");
  if (lines.length === 0) return "";
  return `## ${title}\n\n${lines.map((line) => `- ${line}\n`).join("")}`;
}

/** An item is one line whatever it says: it must not look like a heading or another item. */
function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
