//! Renders one evidence bundle as HTML, JSON, JUnit, SARIF and CSV.

#![forbid(unsafe_code)]
