/** The pages in a real browser. One file, since both are built into one place. */
import "./verify-page.ts";
import "./follow-page.ts";
