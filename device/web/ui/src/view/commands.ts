import { useEffect, useState } from "preact/hooks";
import { get } from "../api.ts";

const none: ReadonlySet<string> = new Set();

// useCommands are the names of the commands that whoever looks at the page may give; none
// until the box has told.
export function useCommands(): ReadonlySet<string> {
  const [names, setNames] = useState(none);
  useEffect(() => {
    let gone = false;
    get<{ name: string }[]>("api/v1/commands").then(
      (all) => gone || setNames(new Set(all.map((c) => c.name))),
      () => {}, // what is not known is not offered
    );
    return () => {
      gone = true;
    };
  }, []);
  return names;
}
