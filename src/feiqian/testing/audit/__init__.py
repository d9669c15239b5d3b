"""The auditor (P-06): proves from stored evidence that value is conserved; trusts no manager."""
