/** What the kernel must forget because the store changed under it. Names are byte strings. */
export type Invalidation =
  /** Attributes and cached bytes of an inode; `attributesOnly` leaves the bytes. */
  | { readonly kind: "inode"; readonly ino: number; readonly attributesOnly?: boolean }
  /**
   * A name that now means something else, or nothing. `isExpired`: the kernel asks again when somebody uses the name, and
   * until then takes it from nobody: who stands in the directory it meant is told of no removal.
   */
  | {
      readonly kind: "entry";
      readonly parent: number;
      readonly name: string;
      readonly isExpired?: boolean;
    }
  /** A name that is gone, with the inode it meant: also tells those who watch or stand in it. */
  | {
      readonly kind: "delete";
      readonly parent: number;
      readonly name: string;
      readonly ino: number;
    };
