/** Tells whether a dotted version is at least another one; a missing part counts as 0. */
export function isAtLeast(version: string, floor: string): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, wanted] of floor.split(".").map(Number).entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) {
      return part > wanted;
    }
  }
  return true;
}

/** Reads from the text of a go.mod which version of a module it requires, without the leading `v`. */
export function requiredVersion(goMod: string, module: string): string {
  for (const line of goMod.split("\n")) {
    const [name, version] = line
      .trim()
      .replace(/^require /, "")
      .split(/\s+/);
    if (name === module && version?.startsWith("v")) {
      return version.slice(1);
    }
  }
  throw new Error(`go.mod requires no version of ${module}`);
}
